//! Extended attributes, where the server has messages for them.

use super::LisaFs;
use super::node::LisaNode;
use super::ops::dirs_of;
use crate::abi::{Call, Errno, Result};
use crate::backend::{Object, XattrHow};
use crate::proto::lisafs::{FGetXattr, FListXattr, FRemoveXattr, FSetXattr, FdId, Mid, Request, Str};

/// The largest value (`XATTR_SIZE_MAX`), less what a string of the protocol cannot hold.
const VALUE_MAX: u16 = u16::MAX;

/// Most bytes of all names together (`XATTR_LIST_MAX`).
const NAMES_MAX: u64 = 65_536;

impl LisaFs {
    /// Asks about the attributes of an object, if the server knows the message.
    fn ask_xattr<R: Request, T>(
        &self,
        call: &Call,
        (object, mid): (&Object<'_, LisaNode>, Mid),
        request: impl Fn(FdId) -> R,
        told: impl Fn(R::Reply<'_>) -> T,
    ) -> Result<T> {
        if !self.connection().offers(mid) {
            return Err(Errno::Opnotsupp.into());
        }
        let answer = self.on_object(call, object, |control| {
            self.connection().ask(call, &request(control.id()), |reply, _| Ok(told(reply)))
        });
        self.in_place(call, dirs_of(object).as_slice(), answer)
    }

    pub(super) fn value_of(&self, call: &Call, object: &Object<'_, LisaNode>, name: &[u8]) -> Result<Vec<u8>> {
        let request = |fd| FGetXattr { fd, size: VALUE_MAX.into(), name: Str(name) };
        self.ask_xattr(call, (object, Mid::F_GET_XATTR), request, |value| value.0.to_vec())
    }

    pub(super) fn names_of(&self, call: &Call, object: &Object<'_, LisaNode>) -> Result<Vec<Vec<u8>>> {
        let request = |fd| FListXattr { fd, size: NAMES_MAX };
        self.ask_xattr(call, (object, Mid::F_LIST_XATTR), request, |names| names.iter().map(<[u8]>::to_vec).collect())
    }

    /// `ERANGE` for a value that is longer than a message can say.
    pub(super) fn set_value(
        &self,
        call: &Call,
        object: &Object<'_, LisaNode>,
        (name, value): (&[u8], &[u8]),
        how: XattrHow,
    ) -> Result<()> {
        if value.len() > usize::from(VALUE_MAX) {
            return Err(Errno::Range.into());
        }
        let flags = match how {
            XattrHow::Any => 0,
            XattrHow::Create => 1,
            XattrHow::Replace => 2,
        };
        let request = |fd| FSetXattr { fd, flags, name: Str(name), value: Str(value) };
        self.ask_xattr(call, (object, Mid::F_SET_XATTR), request, |()| ())
    }

    pub(super) fn remove_value(&self, call: &Call, object: &Object<'_, LisaNode>, name: &[u8]) -> Result<()> {
        self.ask_xattr(call, (object, Mid::F_REMOVE_XATTR), |fd| FRemoveXattr { fd, name: Str(name) }, |()| ())
    }
}
