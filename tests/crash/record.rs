//! Records that tell by themselves whether they are whole.

/// Longest filling of a record.
const FILLING: u64 = 3_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) file: Vec<u8>,
    /// How often the file had been begun anew.
    pub(crate) age: u64,
    pub(crate) number: u64,
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

impl Record {
    /// Its bytes: head, name, a filling that depends on the rest, checksum.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let draw = checksum(&[&self.file[..], &self.age.to_le_bytes(), &self.number.to_le_bytes()].concat());
        let filling = usize::try_from(draw % FILLING).expect("small");
        let mut bytes = Vec::with_capacity(filling + 64);
        for word in [self.file.len() as u64, self.age, self.number, filling as u64] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.file);
        let word = draw.to_le_bytes();
        bytes.extend(word.iter().cycle().take(filling));
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }
}

fn word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

/// Takes the next record off; `None` when there is none, or it is not whole.
pub(crate) fn parse(bytes: &mut &[u8]) -> Option<Record> {
    let start = *bytes;
    let (name, age, number, filling) = (word(bytes)?, word(bytes)?, word(bytes)?, word(bytes)?);
    let file = bytes.get(..usize::try_from(name).ok()?)?.to_vec();
    let filling = usize::try_from(filling).ok()?;
    *bytes = bytes.get(file.len()..)?.get(filling..)?;
    let sum = checksum(&start[..start.len() - bytes.len()]);
    (word(bytes)? == sum).then_some(Record { file, age, number })
}

#[test]
fn parse_of_a_record_with_any_byte_changed_is_none() {
    let record = Record { file: b"file".to_vec(), age: 3, number: 7 };
    let bytes = record.bytes();
    assert_eq!(parse(&mut &bytes[..]), Some(record.clone()));
    assert_eq!(parse(&mut &bytes[..bytes.len() - 1]), None);
    for at in (0..bytes.len()).step_by(13) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        assert_ne!(parse(&mut &bytes[..]), Some(record.clone()), "byte {at}");
    }
}
