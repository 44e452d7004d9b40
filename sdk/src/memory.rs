//! The module's memory, and what it exports: `memory`, `alloc` and `call`.
//!
//! A call is over before the next begins, and leaves nothing behind. So the allocator only counts up,
//! and `alloc`, which every call begins with, starts it anew.

#![expect(
    unsafe_code,
    reason = "an allocator, and addresses that come from the host"
)]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size, unreachable};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const PAGE: usize = 65_536;

/// A byte that no text has in it.
const END: u8 = 0xff;

/// Where the next allocation begins, at the earliest.
static FREE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Upwards = Upwards;

struct Upwards;

// SAFETY: each allocation begins where the one before it ended, so none overlap; wasm has one thread.
unsafe impl GlobalAlloc for Upwards {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = FREE.load(Relaxed).next_multiple_of(layout.align());
        let end = start.saturating_add(layout.size());
        let missing = end.saturating_sub(memory_size(0) * PAGE).div_ceil(PAGE);
        if missing > 0 && memory_grow(0, missing) == usize::MAX {
            return core::ptr::null_mut();
        }
        FREE.store(end, Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

unsafe extern "C" {
    /// Where the linker has put the end of the data. Only its address counts.
    static __heap_base: u8;
}

/// Begins a call: forgets the last one and makes room for so many bytes of parameters.
#[unsafe(no_mangle)]
extern "C" fn alloc(length: usize) -> *mut u8 {
    let base = &raw const __heap_base as usize;
    FREE.store(base, Relaxed);
    let layout = Layout::array::<u8>(length).unwrap_or(Layout::new::<u8>());
    // SAFETY: the layout may be of size zero, which this allocator bears.
    let room = unsafe { ALLOCATOR.alloc(layout) };
    if room.is_null() {
        // Where nothing is, the host would write over what the module itself has there.
        unreachable();
    }
    room
}

/// Answers the call whose parameters were written to where `alloc` said; [`END`] ends the answer.
///
/// # Safety
///
/// `input` is what `alloc(length)` gave, and holds UTF-8: `TextEncoder` writes nothing else (Encoding Standard §7.3).
#[unsafe(no_mangle)]
unsafe extern "C" fn call(input: *const u8, length: usize) -> *const u8 {
    // SAFETY: the caller's promise.
    let input = unsafe { str::from_utf8_unchecked(core::slice::from_raw_parts(input, length)) };
    let mut answer = crate::call(input).into_bytes();
    answer.push(END);
    answer.as_ptr()
}
