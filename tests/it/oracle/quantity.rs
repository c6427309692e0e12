//! Kubernetes' quantities (`ParseQuantity`), for values that are small enough to be counted in nano
//! units.

/// The value in nano units, or none if the text is no quantity.
pub(crate) fn nano(text: &str) -> Option<i128> {
    if text.is_empty() {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
    let (two, ten) = powers(suffix)?;
    // A sign, a dot or a suffix alone counts as zero there, unless the suffix is beyond what is
    // counted in 64 bits.
    if whole.is_empty() && fraction.is_empty() && (two > 40 || ten < -9) {
        return None;
    }
    let number: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let nano = 9 + ten - i32::try_from(fraction.len()).ok()?;
    let magnitude = if nano >= 0 {
        number * 2_i128.pow(two) * 10_i128.pow(nano.unsigned_abs())
    } else {
        // What is finer than a nano unit is rounded away from zero.
        let divisor = 10_i128.pow(nano.unsigned_abs());
        (number * 2_i128.pow(two) + divisor - 1) / divisor
    };
    // A binary suffix is capped at 2^63 - 1.
    let magnitude =
        if two > 0 { magnitude.min(i128::from(i64::MAX) * 1_000_000_000) } else { magnitude };
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The powers of two and of ten that a suffix stands for.
fn powers(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "" => (0, 0),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        exponent => (0, exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}
