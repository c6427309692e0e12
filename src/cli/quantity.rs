//! Times, sizes and addresses as they are written on a command line.

use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// `150s`, `500ms`, `5m` or `1h`; a number without a unit is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

/// A [`Time`] that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PositiveTime(pub(crate) Duration);

/// `7MiB`, `512KiB`, `1GiB` or a number of bytes; more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// `127.0.0.1:8443`, `[::1]:8443`, or `:8443` for every address of this machine. Port 0 is a free
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000)];
        let time = scaled(text, &units).map(|count| Self(Duration::from_millis(count)));
        time.ok_or_else(|| format!("expected a time as in `10s`, `500ms` or `5m`, found `{text}`"))
    }
}

impl FromStr for PositiveTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<Time>()? {
            Time(Duration::ZERO) => Err("expected a time longer than zero".to_owned()),
            Time(time) => Ok(Self(time)),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KIB: u64 = 1024;
        let units = [
            ("", 1),
            ("B", 1),
            ("KiB", KIB),
            ("Ki", KIB),
            ("MiB", KIB.pow(2)),
            ("Mi", KIB.pow(2)),
            ("GiB", KIB.pow(3)),
            ("Gi", KIB.pow(3)),
        ];
        let bytes = scaled(text, &units).and_then(|bytes| usize::try_from(bytes).ok());
        let size = bytes.filter(|bytes| *bytes > 0).map(Self);
        size.ok_or_else(|| format!("expected a size as in `7MiB`, found `{text}`"))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix(':').and_then(|port| port.parse().ok());
        let every = port.map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        let address = every.or_else(|| text.parse().ok()).map(Self);
        address
            .ok_or_else(|| format!("expected ADDRESS:PORT as in `127.0.0.1:8443`, found `{text}`"))
    }
}

/// A number with one of the units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(known, _)| *known == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let time = |text: &str| text.parse().map(|Time(time)| time);
        assert_eq!(time("150s"), Ok(Duration::from_secs(150)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(time("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(time("0s"), Ok(Duration::ZERO));
        for wrong in ["", "10", "s", "-1s", "1.5s", "1 s", "18446744073709551615h", "1d"] {
            assert!(time(wrong).is_err_and(|error| error.ends_with(&format!("found `{wrong}`"))));
        }
        assert!("0ms".parse::<PositiveTime>().is_err());
    }

    #[test]
    fn sizes() {
        let size = |text: &str| text.parse().map(|Size(bytes)| bytes);
        assert_eq!(size("7MiB"), Ok(7 * 1024 * 1024));
        assert_eq!(size("100"), Ok(100));
        for wrong in ["", "0", "7MB", "MiB", "-1", "99999999999GiB"] {
            assert!(size(wrong).is_err_and(|error| error.ends_with(&format!("found `{wrong}`"))));
        }
    }

    #[test]
    fn addresses() {
        let address = |text: &str| text.parse().map(|Address(address)| address);
        assert_eq!(address("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert_eq!(address(":8443"), Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443))));
        for wrong in ["8443", "127.0.0.1", "localhost:1", ":99999", ":"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
