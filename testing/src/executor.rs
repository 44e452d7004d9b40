//! Running futures without a runtime.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

/// Runs a future that never waits.
///
/// # Panics
///
/// If it does wait: nothing here would ever wake it.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this future waits for something that a test does not have"),
    }
}

/// Runs futures at the same time, as far as their store lets them; answers in their order.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in running.iter_mut().zip(&mut done) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_futures_answer_in_their_order() {
        let outputs = block_on(join_all((0..3).map(|n| async move { n * 2 })));
        assert_eq!(outputs, [0, 2, 4]);
    }

    #[test]
    #[should_panic(expected = "waits for something")]
    fn a_future_that_waits_is_found_out() {
        block_on(core::future::pending::<()>());
    }
}
