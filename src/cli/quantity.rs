//! Times, sizes and addresses as they are written on a command line.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// `150s`, `500ms`, `5m` or `1h`; a number without a unit is not a time.
///
/// # Errors
/// Anything else, in words.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| duration_expected(text))?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err(duration_expected(text)),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| duration_expected(text))
}

/// As [`duration`], but not zero: nothing can be done in no time.
///
/// # Errors
/// Anything else, in words.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected more than no time at all".to_owned()),
        time => Ok(time),
    }
}

/// `7MiB`, `512KiB`, `1GiB` or a number of bytes; more than none.
///
/// # Errors
/// Anything else, in words.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" | "Ki" => 1024,
        "MiB" | "Mi" => 1024 * 1024,
        "GiB" | "Gi" => 1024 * 1024 * 1024,
        _ => return Err(bytes_expected(text)),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| bytes_expected(text))
}

/// `127.0.0.1:8443`, `[::1]:8443`, or `:8443` for every address of this machine. Port 0 is a free
/// one.
///
/// # Errors
/// Anything else, in words.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let every = text
        .strip_prefix(':')
        .and_then(|port| port.parse().ok())
        .map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    match every {
        Some(every) => Ok(every),
        None => text
            .parse()
            .map_err(|_| format!("expected ADDRESS:PORT as in `127.0.0.1:8443`, found `{text}`")),
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn duration_expected(text: &str) -> String {
    format!("expected a time as in `10s`, `500ms` or `5m`, found `{text}`")
}

fn bytes_expected(text: &str) -> String {
    format!("expected a size as in `7MiB`, found `{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration("150s"), Ok(Duration::from_secs(150)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for wrong in ["", "10", "s", "-1s", "1.5s", "1 s", "18446744073709551615h", "1d"] {
            assert_eq!(duration(wrong), Err(duration_expected(wrong)));
        }
        assert!(positive_duration("0ms").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("7MiB"), Ok(7 * 1024 * 1024));
        assert_eq!(bytes("100"), Ok(100));
        for wrong in ["", "0", "7MB", "MiB", "-1", "99999999999GiB"] {
            assert_eq!(bytes(wrong), Err(bytes_expected(wrong)));
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(address("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert_eq!(address(":8443"), Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443))));
        for wrong in ["8443", "127.0.0.1", "localhost:1", ":99999", ":"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
