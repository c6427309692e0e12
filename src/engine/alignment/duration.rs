//! Go durations by value: `60s` = `1m0s`.
//!
//! Follows `time.ParseDuration` of Go 1.26, with its rounding: fractions go through a 64-bit float.

use super::quantity::digits;

/// The nanoseconds that `text` names, or none if it is no duration.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        total = total.checked_add(part).filter(|sum| *sum <= LIMIT)?;
        rest = after;
    }
    if negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// 2^63: the magnitude of the smallest 64-bit integer.
const LIMIT: u64 = 1 << 63;

/// One number with its unit, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let whole = digits(text);
    let after_whole = text.get(whole.len()..)?;
    let (fraction, after) = match after_whole.strip_prefix('.') {
        Some(rest) => {
            let fraction = digits(rest);
            (fraction, rest.get(fraction.len()..)?)
        }
        None => ("", after_whole),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end =
        after.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(end)?;
    let unit = unit(name)?;
    let number = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok().filter(|number| *number <= LIMIT)?
    };
    let sum =
        number.checked_mul(unit).filter(|product| *product <= LIMIT)? + fraction_of(fraction, unit);
    (sum <= LIMIT).then_some((sum, rest))
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go computes fractions in floats too; the result is below one unit"
)]
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1f64);
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        let longer = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .filter(|value| *value <= LIMIT);
        let Some(longer) = longer else { break };
        value = longer;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        // Values as in TestParseDuration of Go's time/time_test.go.
        let (second, minute, hour) = (1_000_000_000i64, 60_000_000_000i64, 3_600_000_000_000i64);
        let table = [
            ("0", 0),
            ("5s", 5 * second),
            ("30s", 30 * second),
            ("1478s", 1478 * second),
            ("-5s", -5 * second),
            ("+5s", 5 * second),
            ("-0", 0),
            ("+0", 0),
            ("5.0s", 5 * second),
            ("5.6s", 5_600_000_000),
            ("5.s", 5 * second),
            (".5s", second / 2),
            ("1.004s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("13ms", 13_000_000),
            ("60s", minute),
            ("1m0s", minute),
            ("3h30m", 3 * hour + 30 * minute),
            ("10.5s4m", 4 * minute + 10_500_000_000),
            ("-2m3.4s", -(2 * minute + 3_400_000_000)),
            ("39h9m14.425s", 39 * hour + 9 * minute + 14_425_000_000),
            ("52763797000ns", 52_763_797_000),
            ("0.3333333333333333333h", 20 * minute),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036854775.807us", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.100000000000000000000h", 6 * minute),
            ("0.830103483285477580700h", 49 * minute + 48_372_539_827),
        ];
        for (text, expected) in table {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        let table = [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "\u{85}",
            "\u{ffff}",
            "9223372036854775810ns",
            "9223372036854775808ns",
            "-9223372036854775809ns",
            "9223372036854775.808us",
            "3000000h",
            " 1s",
        ];
        for text in table {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
