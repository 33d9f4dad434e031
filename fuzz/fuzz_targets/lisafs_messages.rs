//! Any bytes as any message: no panic, and what decodes encodes to bytes that decode to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wasi_gofer::proto::lisafs::{
    AnyReply, AnyRequest, DecodeError, Encode, Header, Inode, Mid, Offered, Statx, Writer, created_ids,
};

fn encoded(message: &impl Encode, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut Writer::new(&mut bytes, limit)).expect("what was decoded is no longer than it was");
    bytes
}

/// Attributes that are believed are told again as they are, but for what nobody vouched for.
fn attributes(wire: &Statx) {
    match wire.to_stat() {
        Ok(stat) => assert_eq!(Statx::from_stat(&stat).to_stat(), Ok(stat)),
        Err(error) => assert_eq!(error, DecodeError::Value),
    }
}

fn inodes(inodes: &[Inode]) {
    inodes.iter().for_each(|inode| attributes(&inode.stat));
}

fn reply(reply: AnyReply<'_>) {
    match reply {
        AnyReply::Mount(mount) => {
            inodes(std::slice::from_ref(mount.root));
            let offered = Offered::from_wire(mount.mids);
            assert!(offered.iter().all(|mid| mount.mids.iter().any(|number| number.get() == mid.0)));
        }
        AnyReply::FStat(stat) => attributes(stat),
        AnyReply::Walk(walk) => inodes(walk.inodes),
        AnyReply::WalkStat(walk) => walk.stats.iter().for_each(attributes),
        AnyReply::SetStat(reply) => drop(reply.to_report()),
        AnyReply::FStatFs(reply) => drop(reply.to_stat_fs()),
        AnyReply::Getdents64(entries) => {
            assert_eq!(entries.iter().count(), entries.len());
            for entry in entries.iter() {
                let _ = (entry.name(), entry.file_type(), entry.dev());
            }
        }
        AnyReply::ReadDirStat(entries) => {
            assert_eq!(entries.iter().count(), entries.len());
            for entry in entries.iter() {
                let _ = (entry.name(), entry.file_type());
                attributes(entry.stat);
            }
        }
        AnyReply::FListXattr(names) => assert_eq!(names.iter().count(), names.len()),
        _ => {}
    }
}

fn request(request: AnyRequest<'_>) {
    match request {
        AnyRequest::Walk(walk) => assert_eq!(walk.names.iter().count(), walk.names.len()),
        AnyRequest::WalkStat(walk) => assert_eq!(walk.path.names.iter().count(), walk.path.names.len()),
        AnyRequest::SetStat(set) => drop(set.to_set_stat()),
        _ => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((number, payload)) = data.split_first_chunk() else { return };
    let mid = Mid(u16::from_le_bytes(*number));
    let limit = payload.len();
    if let Some(Ok(message)) = AnyRequest::decode(mid, payload) {
        request(message);
        assert_eq!(AnyRequest::decode(mid, &encoded(&message, limit)), Some(Ok(message)));
    }
    if let Some(Ok(message)) = AnyReply::decode(mid, payload) {
        reply(message);
        let bytes = encoded(&message, limit);
        assert!(payload.starts_with(&bytes), "an answer has no field that is not kept");
        assert_eq!(AnyReply::decode(mid, &bytes), Some(Ok(message)));
    }
    let mut ids = 0;
    created_ids(mid, payload, |_| ids += 1);
    assert!(ids <= payload.len() / 8);
    if let Ok(header) = Header::from_prefix(payload) {
        assert_eq!(header.to_bytes()[..6], payload[..6]);
    }
});
