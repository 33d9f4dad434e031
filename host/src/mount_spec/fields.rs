//! Splits `key=value,key,...` with quoting.

use anyhow::{Result, bail};

/// One comma-separated field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// What stands before the first `=`, or the whole field.
    pub(super) key: String,
    /// What stands behind it; bytes, because it may be a host path.
    pub(super) value: Option<Vec<u8>>,
}

/// Splits `text` at commas. As in Docker a field that holds a comma is quoted as a whole (`"src=/a,b"`); quoting just
/// the value (`src="/a,b"`) means the same. Inside quotes `""` is one quote.
pub(super) fn split(text: &[u8]) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, tail) = next(rest)?;
        fields.push(field);
        match tail {
            None => return Ok(fields),
            Some(tail) => rest = tail,
        }
    }
}

/// The field at the start of `text`, and what follows its comma.
fn next(text: &[u8]) -> Result<(Field, Option<&[u8]>)> {
    if text.first() == Some(&b'"') {
        let (inner, rest) = quoted(text)?;
        return Ok((whole(&inner)?, after(rest)?));
    }
    let end = text.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let key = key(name)?;
    match rest.first() {
        Some(b'=') if rest.get(1) == Some(&b'"') => {
            let (value, rest) = quoted(&rest[1..])?;
            Ok((Field { key, value: Some(value) }, after(rest)?))
        }
        Some(b'=') => {
            let rest = &rest[1..];
            let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            if value.contains(&b'"') {
                bail!("a quote inside the value of `{key}`: put the whole value in quotes and double the one inside");
            }
            Ok((Field { key, value: Some(value.to_vec()) }, after(rest)?))
        }
        _ => Ok((Field { key, value: None }, after(rest)?)),
    }
}

/// A field whose quotes are gone.
fn whole(text: &[u8]) -> Result<Field> {
    match text.iter().position(|byte| *byte == b'=') {
        Some(at) => Ok(Field { key: key(&text[..at])?, value: Some(text[at + 1..].to_vec()) }),
        None => Ok(Field { key: key(text)?, value: None }),
    }
}

fn key(name: &[u8]) -> Result<String> {
    let name = String::from_utf8_lossy(name).into_owned();
    if name.is_empty() {
        bail!("an empty field: fields are `key=value` or `key`, with one comma between two");
    }
    if name.contains('"') {
        bail!("a quote inside the key `{name}`: a quote starts a field or a value");
    }
    Ok(name)
}

/// The content of the quotes that `text` starts with, and what stands behind them.
fn quoted(text: &[u8]) -> Result<(Vec<u8>, &[u8])> {
    let mut inner = Vec::new();
    let mut at = 1;
    loop {
        match (text.get(at), text.get(at + 1)) {
            (None, _) => bail!("a quote that is opened and never closed"),
            (Some(b'"'), Some(b'"')) => {
                inner.push(b'"');
                at += 2;
            }
            (Some(b'"'), _) => return Ok((inner, &text[at + 1..])),
            (Some(byte), _) => {
                inner.push(*byte);
                at += 1;
            }
        }
    }
}

/// What follows the comma that `rest` starts with; `None` at the end.
fn after(rest: &[u8]) -> Result<Option<&[u8]>> {
    match rest.split_first() {
        None => Ok(None),
        Some((b',', rest)) => Ok(Some(rest)),
        Some(_) => bail!("`{}` behind a closing quote, where a comma belongs", String::from_utf8_lossy(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, split};

    fn field(key: &str, value: &str) -> Field {
        Field { key: key.to_owned(), value: Some(value.as_bytes().to_vec()) }
    }

    fn error(text: &str) -> String {
        split(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn split_of_plain_fields_is_their_keys_and_values() {
        let fields = split(b"type=directfs,ro,src=a=b").unwrap();
        assert_eq!(
            fields,
            [field("type", "directfs"), Field { key: "ro".to_owned(), value: None }, field("src", "a=b")]
        );
    }

    #[test]
    fn split_keeps_commas_and_doubled_quotes_inside_quotes() {
        assert_eq!(split(br#""src=/a,b",dst=/x"#).unwrap(), [field("src", "/a,b"), field("dst", "/x")]);
        assert_eq!(split(br#"src="/a,""b""",dst=/x"#).unwrap(), [field("src", "/a,\"b\""), field("dst", "/x")]);
        assert_eq!(split(br#"src="""#).unwrap(), [field("src", "")]);
    }

    #[test]
    fn split_keeps_bytes_that_are_not_utf8() {
        assert_eq!(split(b"src=\xff").unwrap()[0].value.as_deref(), Some(&b"\xff"[..]));
    }

    #[test]
    fn split_refuses_stray_quotes_and_empty_fields() {
        assert!(error(r#"src=/a"b"#).contains("quote inside the value of `src`"));
        assert!(error(r#"s"rc=/a"#).contains("quote inside the key"));
        assert!(error(r#"src="/a"#).contains("never closed"));
        assert!(error(r#"src="/a"b,dst=/x"#).contains("behind a closing quote"));
        assert!(error("src=/a,,dst=/x").contains("empty field"));
        assert!(error("src=/a,").contains("empty field"));
        assert!(error("").contains("empty field"));
        assert!(error("=x").contains("empty field"));
    }
}
