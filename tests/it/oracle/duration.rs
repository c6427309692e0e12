//! Go's durations (`time.ParseDuration`), for values that are small enough to be counted in
//! nanoseconds.

/// The value in nanoseconds, or none if the text is no duration.
pub(crate) fn nanoseconds(text: &str) -> Option<i128> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let number: i128 = format!("0{whole}{fraction}").parse().ok()?;
        sum += number * length(unit)? / 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        rest = after;
    }
    let sum = if text.starts_with('-') { -sum } else { sum };
    (i128::from(i64::MIN)..=i128::from(i64::MAX)).contains(&sum).then_some(sum)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn length(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}
