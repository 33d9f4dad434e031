//! Shared memory of zeros.

use std::sync::Arc;

/// `len` zero bytes, shared by reference.
pub(crate) fn zeroed(len: usize) -> Arc<[u8]> {
    let bytes = Arc::<[u8]>::new_zeroed_slice(len);
    // SAFETY: every bit pattern is a `u8`, and these are all zero.
    unsafe { bytes.assume_init() }
}

#[cfg(test)]
mod tests {
    use super::zeroed;

    #[test]
    fn zeroed_of_any_length_is_that_many_zeros() {
        for len in [0, 1, 4096] {
            assert_eq!(&zeroed(len)[..], vec![0; len]);
        }
    }
}
