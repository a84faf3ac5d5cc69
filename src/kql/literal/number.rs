//! Numbers: decimal and hexadecimal integers, reals with their special values.

/// Parses `12`, `-12`, `0x1f`.
pub(in crate::kql) fn parse_long(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let sign = if negative { "-" } else { "" };
    match hex {
        Some(hex) => i64::from_str_radix(&format!("{sign}{hex}"), 16).ok(),
        None => format!("{sign}{digits}").parse().ok(),
    }
}

/// Parses `1.5`, `1.`, `1e5`, `nan`, `inf`, `+inf`, `-inf`.
pub(super) fn parse_real(text: &str) -> Option<f64> {
    let plain = text.strip_prefix('+').unwrap_or(text).trim_start();
    match plain.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        lower if lower.contains(|c: char| c.is_ascii_alphabetic() && c != 'e') => None,
        lower => lower.parse().ok(),
    }
}

/// Whether it is a decimal: digits, at most one point, perhaps an exponent.
pub(super) fn is_decimal(text: &str) -> bool {
    let shaped = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    shaped && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_reals() {
        assert_eq!(parse_long("-9223372036854775808"), Some(i64::MIN));
        assert_eq!((parse_long("99999999999999999999"), parse_long("--1"), parse_long("")), (None, None, None));
        assert_eq!((parse_real("1."), parse_real("1e3"), parse_real("infinity")), (Some(1.0), Some(1000.0), None));
        assert!(parse_real("nan").is_some_and(f64::is_nan));
        assert!(is_decimal("1.5e3") && !is_decimal("1.5.5") && !is_decimal("x"));
    }
}
