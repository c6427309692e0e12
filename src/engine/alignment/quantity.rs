//! Kubernetes quantities by value: `1000m` = `1`, `2Gi` = `2048Mi`.
//!
//! Follows `UnmarshalJSON` and `ParseQuantity` of k8s.io/apimachinery
//! `pkg/api/resource/quantity.go`: values finer than a nano are rounded up to one, binary ones are
//! capped at 2^63 - 1, and where no digit is there the number is mostly zero (`-`, `.`, `Ki`). An
//! exponent beyond 32 bits, which Go wraps around, does not parse here.

/// The one spelling of the value that `text` names, or none if it is no quantity.
pub(crate) fn spell(text: &str) -> Option<String> {
    // Go trims the text as JSON spells it, in which control characters are escaped and so are not
    // trimmed.
    let text = text.trim_matches(|letter: char| letter.is_whitespace() && !letter.is_control());
    if text.is_empty() {
        return None;
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = digits(unsigned);
    let after_whole = unsigned.get(whole.len()..)?;
    let fraction = after_whole.strip_prefix('.').map_or("", digits);
    let suffix = match after_whole.strip_prefix('.') {
        Some(rest) => rest.get(fraction.len()..)?,
        None => after_whole,
    };
    let scale = interpret(suffix)?;
    if whole.is_empty() && fraction.is_empty() && !scale.takes_no_digits() {
        return None;
    }
    let mut decimal = Decimal::new(whole, fraction)?;
    match scale {
        Scale::Decimal(exponent) => {
            decimal.exponent += i64::from(exponent);
            decimal.round_up_to_nano();
        }
        Scale::Binary(exponent) => {
            decimal.shift_left(exponent);
            decimal.round_up_to_nano();
            decimal.cap();
        }
    }
    Some(decimal.spell(negative))
}

enum Scale {
    Decimal(i32),
    Binary(u32),
}

impl Scale {
    /// Whether a text without digits is read as zero: only where Kubernetes counts in 64 bits,
    /// since its larger numbers want a digit.
    fn takes_no_digits(&self) -> bool {
        match self {
            Self::Decimal(exponent) => *exponent >= -9,
            Self::Binary(exponent) => *exponent <= 40,
        }
    }
}

fn interpret(suffix: &str) -> Option<Scale> {
    Some(match suffix {
        "n" => Scale::Decimal(-9),
        "u" => Scale::Decimal(-6),
        "m" => Scale::Decimal(-3),
        "" => Scale::Decimal(0),
        "k" => Scale::Decimal(3),
        "M" => Scale::Decimal(6),
        "G" => Scale::Decimal(9),
        "T" => Scale::Decimal(12),
        "P" => Scale::Decimal(15),
        "E" => Scale::Decimal(18),
        "Ki" => Scale::Binary(10),
        "Mi" => Scale::Binary(20),
        "Gi" => Scale::Binary(30),
        "Ti" => Scale::Binary(40),
        "Pi" => Scale::Binary(50),
        "Ei" => Scale::Binary(60),
        _ => Scale::Decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// The decimal digits that a text begins with.
pub(crate) fn digits(text: &str) -> &str {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// `digits` (most significant first, no leading zero; empty is zero) times ten to the `exponent`.
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

/// 2^63 - 1.
const CAP: &[u8] = &[9, 2, 2, 3, 3, 7, 2, 0, 3, 6, 8, 5, 4, 7, 7, 5, 8, 0, 7];

impl Decimal {
    fn new(whole: &str, fraction: &str) -> Option<Self> {
        let all = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0');
        Some(Self {
            digits: all.skip_while(|digit| *digit == 0).collect(),
            exponent: -i64::try_from(fraction.len()).ok()?,
        })
    }

    fn shift_left(&mut self, bits: u32) {
        let mut carry = 0u128;
        for digit in self.digits.iter_mut().rev() {
            carry += u128::from(*digit) << bits;
            *digit = last_digit(carry);
            carry /= 10;
        }
        let mut head = Vec::new();
        while carry > 0 {
            head.push(last_digit(carry));
            carry /= 10;
        }
        head.reverse();
        self.digits.splice(0..0, head);
    }

    fn round_up_to_nano(&mut self) {
        let Ok(excess) = usize::try_from(-9 - self.exponent) else { return };
        let keep = self.digits.len().saturating_sub(excess);
        let lost = self.digits.drain(keep..).any(|digit| digit != 0);
        self.exponent = -9;
        if lost {
            self.increment();
        }
    }

    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
    }

    fn cap(&mut self) {
        let Ok(whole) =
            usize::try_from(self.exponent + i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
        else {
            return;
        };
        let integer = self.digits.get(..whole.min(self.digits.len())).unwrap_or_default();
        if whole > CAP.len() || (whole == CAP.len() && integer >= CAP) {
            *self = Self { digits: CAP.to_vec(), exponent: 0 };
        }
    }

    fn spell(mut self, negative: bool) -> String {
        while self.digits.last() == Some(&0) {
            self.digits.pop();
            self.exponent += 1;
        }
        if self.digits.is_empty() {
            return "0".to_owned();
        }
        let sign = if negative { "-" } else { "" };
        let digits: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        format!("{sign}{digits}e{}", self.exponent)
    }
}

fn last_digit(number: u128) -> u8 {
    u8::try_from(number % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::spell;

    #[test]
    fn spellings_of_one_value_agree() {
        // Values as in TestQuantityParse and TestQuantityString of apimachinery's quantity_test.go.
        let classes: &[&[&str]] = &[
            &[
                "0", "0n", "0Ki", "-0", "+0", "00.000", "0e5", "0.0Mi", " 0 ", "-", "+", ".", "-.",
                "m", "-Ki", "e3", "Ti",
            ],
            &["1", "1000m", "1.0", "1e0", "1E0", "+1", "0001", "1000000000n", "0.001k", "1."],
            &["2Gi", "2048Mi", "2147483648", "2097152Ki", "2147483648000m", "2.0Gi"],
            &["1Ei", "1024Pi", "1152921504606846976"],
            &["1E", "1e18", "1000P"],
            &["100m", "0.1", ".1", "100e-3", "1e-1"],
            &["1.5Gi", "1536Mi", "1610612736"],
            &["1n", "0.1n", "0.0000000001", "1e-9", "1e-10", "0.000000001"],
            &["-1n", "-0.0000000001"],
            &["0.5Mi", "512Ki"],
            &["1.25n", "2n"],
            &["0.1Ki", "102.4"],
            &[
                "9223372036854775807",
                "8Ei",
                "9Ei",
                "99999999999999999999Ei",
                "9223372036854775807.5Ki",
                "9007199254740991.9990234375Ki",
                "9007199254740991.99951171875Ki",
                "9007199254740991.9991319444443359375Ki",
            ],
            &["9223372036854775808", "9223372036854775.808k"],
            &["1e21", "1000000000000000000000"],
            &["1e2000000000", "10e1999999999"],
            &["12u", "0.012m", "12000n"],
            &["5M", "5000k", "5e6"],
            &["3T", "3000G"],
            &["9.5n", "10n"],
            &["99.1n", "100n"],
            &["31"],
            &["-31"],
            &["9223372036854775806.5", "9007199254740991.99853515625Ki"],
        ];
        for (index, class) in classes.iter().enumerate() {
            let first = class.first().and_then(|text| spell(text));
            assert!(first.is_some(), "{class:?}");
            for text in *class {
                assert_eq!(spell(text), first, "{text}");
            }
            for other in classes.iter().skip(index + 1).filter_map(|other| other.first()) {
                assert_ne!(spell(other), first, "{other}");
            }
        }
    }

    #[test]
    fn the_spelling_is_the_number_itself() {
        for (text, spelling) in [("12", "12e0"), ("-120m", "-12e-2"), ("1Ki", "1024e0"), ("0", "0")]
        {
            assert_eq!(spell(text).as_deref(), Some(spelling), "{text}");
        }
    }

    #[test]
    fn what_does_not_parse_has_no_spelling() {
        let table = [
            "",
            " ",
            "1\n",
            "\t1",
            "Pi",
            "-.Ei",
            "e-20",
            "aoeu",
            "1.1.M",
            "1+1.0M",
            "0.1mi",
            "0.1am",
            ".5i",
            "1i",
            "-3.01i",
            "-3.01e-",
            "1e",
            "1K",
            "1 Gi",
            "0x1",
            "1e99999999999",
            "--1",
            "1ee3",
            "١",
        ];
        for text in table {
            assert_eq!(spell(text), None, "{text}");
        }
    }
}
