//! Device codes: kept once, looked up by people, answered once, redeemed once.

use gatepass_core::authorize::SignIn;
use gatepass_core::client::Client;
use gatepass_core::grant::code::Redemption;
use gatepass_core::grant::device::{
    Answer, Approval, DevicePoll, DeviceRecord, DeviceStatus, Polled, Polling, Redeemed,
};
use gatepass_core::grant::{AuthenticationMethod, Grant, GrantDetails};
use gatepass_core::id::{BrowserId, SignInId};
use gatepass_core::scope::Scope;
use gatepass_core::secret::{DeviceCode, SecretHash};
use gatepass_core::time::{Lifetime, Timestamp};

use super::{Store, World};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

fn after(seconds: u32) -> Timestamp {
    NOW.plus(Lifetime::from_seconds(seconds))
}

/// The user's yes.
fn approval() -> Approval {
    Approval {
        subject: fixture::user().subject,
        auth_time: NOW,
        details: GrantDetails {
            amr: vec![AuthenticationMethod::Password],
            ..GrantDetails::default()
        },
    }
}

/// An answer of whoever signed in.
fn answer(record: &DeviceRecord, sign_in: &SignIn, is_yes: bool) -> Answer {
    Answer {
        user_code: record.user_code,
        sign_in: sign_in.id.clone(),
        at: NOW,
        approval: is_yes.then(approval),
        fetch_until: NOW,
    }
}

impl<S: Store> World<'_, S> {
    /// Fresh codes of `client` that the store does not hold yet.
    fn device_code(&self, client: &Client) -> DeviceRecord {
        DeviceRecord {
            hash: DeviceCode::from_random(self.random.bytes()).hash(),
            user_code: SecretHash::of(self.jti().as_str()),
            client_id: client.id.clone(),
            scope: Scope::parse("openid read").unwrap(),
            audience: fixture::resources().default,
            polling: Polling::START,
            expires_at: NOW.plus(self.lifetimes.device_code),
            status: DeviceStatus::Pending,
        }
    }

    /// A device of the demo client that waits.
    async fn waiting(&self) -> DeviceRecord {
        let record = self.device_code(&fixture::demo());
        assert!(self.store.insert_device_code(&record).await.unwrap());
        record
    }

    /// A device that its user has allowed.
    pub(super) async fn allowed(&self) -> DeviceRecord {
        let record = self.waiting().await;
        let yes = answer(&record, &self.sign_in().await, true);
        let status = self.store.answer_device(&yes).await.unwrap();
        assert_eq!(status, Some(DeviceStatus::Allowed(approval())));
        record
    }

    /// A device that waits, or that its user has allowed.
    pub(super) async fn device(&self, is_allowed: bool) -> DeviceRecord {
        if is_allowed {
            self.allowed().await
        } else {
            self.waiting().await
        }
    }

    pub(super) async fn poll(&self, record: &DeviceRecord, at: Timestamp) -> Polled {
        let client = fixture::demo().id;
        let poll = DevicePoll {
            proof: None,
            device_code: record.hash,
            client_id: &client,
            at,
        };
        self.store.poll_device(&poll).await.unwrap()
    }

    /// What redeeming an allowed device code now would create.
    pub(super) fn device_redemption(&self, record: &DeviceRecord) -> Redemption {
        let device = BrowserId::from_random(self.random.bytes());
        let code = self.code(&fixture::demo(), &device);
        let mut redemption = self.redemption(&code);
        redemption.code = record.hash;
        redemption.grant.details = approval().details;
        redemption
    }
}

/// Nothing is lost between the device and its user, nor between its user and the device.
pub async fn a_device_code_reads_back_as_it_was_kept<S: Store>(store: &S) {
    let world = World::new(store, "a_device_code_reads_back_as_it_was_kept").await;
    let kept = world.waiting().await;
    let polled = world.poll(&kept, NOW).await;
    assert_eq!(polled.client.unwrap().id, fixture::demo().id);
    assert!(polled.made.is_none());
    let read = polled.record.unwrap();
    assert!(read.hash.matches(kept.hash) && read.user_code.matches(kept.user_code));
    assert_eq!(format!("{read:?}"), format!("{kept:?}"));
    let sign_in = world.sign_in().await;
    let found = store
        .look_up_user_code(kept.user_code, &sign_in.id, NOW)
        .await
        .unwrap();
    assert_eq!((found.sign_in, found.wrong_codes), (Some(sign_in), 0));
    assert_eq!(found.user.unwrap().username, "demo");
    let (read, client) = found.device.unwrap();
    assert_eq!(
        (read.status, client.id),
        (DeviceStatus::Pending, fixture::demo().id)
    );
    let unknown = DeviceRecord {
        hash: SecretHash::of("unknown"),
        ..kept
    };
    assert!(world.poll(&unknown, NOW).await.record.is_none());
}

/// Two devices never show one code.
pub async fn a_user_code_is_one_devices<S: Store>(store: &S) {
    let world = World::new(store, "a_user_code_is_one_devices").await;
    let first = world.waiting().await;
    let second = DeviceRecord {
        user_code: first.user_code,
        ..world.device_code(&fixture::demo())
    };
    assert!(!store.insert_device_code(&second).await.unwrap());
    assert!(world.poll(&second, NOW).await.record.is_none());
    assert!(world.poll(&first, NOW).await.record.is_some());
}

/// Wrong codes count against the sign-in that tried them, each of them, and right ones do not.
pub async fn wrong_user_codes_are_counted<S: Store>(store: &S) {
    let world = World::new(store, "wrong_user_codes_are_counted").await;
    let (guesser, other) = (world.sign_in().await, world.sign_in().await);
    let waiting = world.waiting().await;
    let answered = world.allowed().await;
    let unknown = SecretHash::of("a guess");
    let count = async |code, sign_in: &SignInId, at| {
        let found = store.look_up_user_code(code, sign_in, at).await;
        found.unwrap().wrong_codes
    };
    let at_once = (0..3).map(|_| store.look_up_user_code(unknown, &guesser.id, NOW));
    join_all(at_once).await;
    for (code, at, expected) in [
        (waiting.user_code, NOW, 3),
        (answered.user_code, NOW, 4),
        (waiting.user_code, waiting.expires_at, 5),
        (unknown, NOW, 6),
    ] {
        assert_eq!(count(code, &guesser.id, at).await, expected);
    }
    assert_eq!(count(waiting.user_code, &other.id, NOW).await, 0);
    let nobody = SignInId::parse("nobody").unwrap();
    let found = store
        .look_up_user_code(unknown, &nobody, NOW)
        .await
        .unwrap();
    assert!(found.sign_in.is_none());
    assert!(found.device.is_none());
}

/// The first yes counts. A no counts until the tokens are fetched.
pub async fn a_device_is_answered_once<S: Store>(store: &S) {
    let world = World::new(store, "a_device_is_answered_once").await;
    let sign_in = world.sign_in().await;
    let allowed = Some(DeviceStatus::Allowed(approval()));
    let say = async |record: &DeviceRecord, is_yes| {
        let answer = answer(record, &sign_in, is_yes);
        store.answer_device(&answer).await.unwrap()
    };
    let device = world.waiting().await;
    assert_eq!(say(&device, true).await, allowed);
    let again = Answer {
        approval: Some(Approval {
            auth_time: after(1),
            ..approval()
        }),
        ..answer(&device, &sign_in, true)
    };
    assert_eq!(store.answer_device(&again).await.unwrap(), allowed);
    assert_eq!(say(&device, false).await, Some(DeviceStatus::Denied));
    assert_eq!(say(&device, true).await, Some(DeviceStatus::Denied));
    let refused = world.device_redemption(&device);
    assert_eq!(store.redeem_device_code(&refused).await.unwrap(), None);

    let fetched = world.allowed().await;
    let redemption = world.device_redemption(&fetched);
    assert!(
        store
            .redeem_device_code(&redemption)
            .await
            .unwrap()
            .is_some()
    );
    let status = say(&fetched, false).await;
    assert!(
        matches!(status, Some(DeviceStatus::Redeemed(_))),
        "{status:?}"
    );
    let unknown = world.device_code(&fixture::demo());
    assert_eq!(say(&unknown, true).await, None);
}

/// No answer counts that comes too late, or from a browser that is signed in no more.
pub async fn an_answer_needs_time_and_a_sign_in<S: Store>(store: &S) {
    let world = World::new(store, "an_answer_needs_time_and_a_sign_in").await;
    let (here, gone) = (world.sign_in().await, world.sign_in().await);
    store.sign_out(&gone.browser, NOW).await.unwrap();
    let device = world.waiting().await;
    let late = Answer {
        at: device.expires_at,
        ..answer(&device, &here, true)
    };
    let overslept = Answer {
        at: here.expires_at,
        ..answer(&device, &here, false)
    };
    let signed_out = answer(&device, &gone, true);
    for answer in [late, overslept, signed_out] {
        let status = store.answer_device(&answer).await.unwrap();
        assert_eq!(status, Some(DeviceStatus::Pending), "{answer:?}");
    }
}

/// A yes at the last moment leaves the device time to fetch its tokens.
pub async fn a_yes_leaves_time_to_fetch<S: Store>(store: &S) {
    let world = World::new(store, "a_yes_leaves_time_to_fetch").await;
    let sign_in = world.sign_in().await;
    for (fetch_until, expected) in [(after(601), after(601)), (after(1), after(600))] {
        let device = world.waiting().await;
        let yes = Answer {
            fetch_until,
            ..answer(&device, &sign_in, true)
        };
        store.answer_device(&yes).await.unwrap();
        let record = world.poll(&device, NOW).await.record.unwrap();
        assert_eq!(record.expires_at, expected);
    }
}

/// Each poll sees what the one before left, as long as nobody has answered.
pub async fn polls_are_counted<S: Store>(store: &S) {
    let world = World::new(store, "polls_are_counted").await;
    let device = world.waiting().await;
    let mut expected = Polling::START;
    for seconds in [
        0, 5, 6, 7, 21, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 200,
    ] {
        let record = world.poll(&device, after(seconds)).await.record.unwrap();
        assert_eq!(record.polling, expected, "{seconds}");
        expected = expected.after(after(seconds));
    }
    assert_eq!(expected.interval, Polling::LONGEST);
    let answered = world.allowed().await;
    for seconds in [0, 1] {
        let record = world.poll(&answered, after(seconds)).await.record.unwrap();
        assert_eq!(record.polling, Polling::START);
    }
}

/// Of many redemptions at once exactly one wins, only its grant and session exist, and later polls find
/// them.
pub async fn a_device_code_is_redeemed_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "a_device_code_is_redeemed_by_one_of_many").await;
    let device = world.allowed().await;
    let redemptions: Vec<_> = (0..5).map(|_| world.device_redemption(&device)).collect();
    let redeem = |redemption| store.redeem_device_code(redemption);
    let won = join_all(redemptions.iter().map(redeem)).await;
    let won: Vec<_> = won.into_iter().map(Result::unwrap).collect();
    assert_eq!(won.iter().flatten().count(), 1, "{won:?}");
    for (redemption, won) in redemptions.into_iter().zip(won) {
        let session = world.session(&redemption.session.refresh_jti).await;
        assert_eq!(session, won.map(|_| redemption.session.clone()));
        let Some(status_index) = won else {
            continue;
        };
        let polled = world.poll(&device, after(9)).await;
        let redeemed = DeviceStatus::Redeemed(Redeemed {
            subject: fixture::user().subject,
            at: redemption.at,
            grant_id: redemption.grant.id.clone(),
            refresh_jti: redemption.session.refresh_jti.clone(),
        });
        assert_eq!(polled.record.unwrap().status, redeemed);
        let made = polled.made.unwrap();
        let grant = Grant {
            status_index,
            ..redemption.grant
        };
        assert_eq!(made.grant, grant);
        assert_eq!(made.session, redemption.session);
        assert_eq!(made.successors, []);
        let next = world
            .advance(&redemption.session.refresh_jti, &fixture::demo(), after(10))
            .await;
        let made = world.poll(&device, after(11)).await.made.unwrap();
        assert_eq!(made.successors, [next]);
    }
}

/// Only what a user allowed is redeemed, and only in time.
pub async fn a_device_code_needs_a_yes_and_time<S: Store>(store: &S) {
    let world = World::new(store, "a_device_code_needs_a_yes_and_time").await;
    let (waiting, allowed) = (world.waiting().await, world.allowed().await);
    let mut late = world.device_redemption(&allowed);
    late.at = allowed.expires_at;
    for redemption in [world.device_redemption(&waiting), late] {
        assert_eq!(store.redeem_device_code(&redemption).await.unwrap(), None);
        assert_eq!(world.session(&redemption.session.refresh_jti).await, None);
    }
    let in_time = world.device_redemption(&allowed);
    assert!(store.redeem_device_code(&in_time).await.unwrap().is_some());
}

/// Signing out of the browser that said yes leaves the device alone.
pub async fn signing_out_leaves_devices_alone<S: Store>(store: &S) {
    let world = World::new(store, "signing_out_leaves_devices_alone").await;
    let sign_in = world.sign_in().await;
    let device = world.waiting().await;
    let yes = answer(&device, &sign_in, true);
    store.answer_device(&yes).await.unwrap();
    store.sign_out(&sign_in.browser, NOW).await.unwrap();
    let redemption = world.device_redemption(&device);
    assert!(
        store
            .redeem_device_code(&redemption)
            .await
            .unwrap()
            .is_some()
    );
}
