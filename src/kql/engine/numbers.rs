//! Conversions between numbers that lose nothing silently, and how numbers are written.

/// The integer part of a real, if a long can hold it.
pub(crate) fn to_i64(value: f64) -> Option<i64> {
    // 2^63 as a real: the first one above the range of a long.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = value.trunc();
    if !(-LIMIT..LIMIT).contains(&whole) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "whole and inside the range of a long, as checked above")]
    Some(whole as i64)
}

/// The nearest real of a long.
pub(crate) fn to_f64(value: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "Kusto's own conversion loses the same digits")]
    {
        value as f64
    }
}

/// A length or a count as a long.
pub(crate) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Writes a real as .NET does: shortest digits, `1E+20` from 1e15 on, `NaN`, `Infinity`.
pub(crate) fn format_real(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-5..1e15).contains(&size) {
        return with_exponent(value);
    }
    format!("{value}")
}

fn with_exponent(value: f64) -> String {
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(positive) => format!("{digits}E-{positive:0>2}"),
            None => format!("{digits}E+{exponent:0>2}"),
        },
        None => text,
    }
}

/// Writes a real as JSON does in dynamic values: always with a point or an exponent; what JSON cannot say as text.
pub(crate) fn json_real(value: f64) -> String {
    let text = format_real(value);
    if !value.is_finite() {
        return format!("\"{text}\"");
    }
    if text.contains(['.', 'E']) { text } else { format!("{text}.0") }
}

/// Reads a long: decimal or `0x` hexadecimal, blanks around it allowed; a real is cut.
pub(crate) fn parse_long(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(value) = text.parse::<i64>() {
        return Some(value);
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok();
    }
    parse_real(text).and_then(to_i64)
}

/// Reads a real.
pub(crate) fn parse_real(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rust also reads `inf` and `nan` in any case; Kusto reads its own spellings.
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse::<f64>().ok().filter(|value| value.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_are_written_as_dotnet_writes_them() {
        assert_eq!(format_real(1.0), "1");
        assert_eq!(format_real(1e20), "1E+20");
        assert_eq!(format_real(1.5e-7), "1.5E-07");
        assert_eq!(json_real(1.0), "1.0");
    }

    #[test]
    fn longs_are_read_in_both_bases() {
        assert_eq!(parse_long(" 0x1F "), Some(31));
        assert_eq!(parse_long("1.9"), Some(1));
        assert_eq!(parse_long("9223372036854775808"), None);
    }
}
