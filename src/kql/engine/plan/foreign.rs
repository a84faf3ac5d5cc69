//! Values of types that Kusto has not, as the JSON that says the same: lists, structures, maps, bytes.

use super::super::scalar::function;
use super::super::value::Value;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// Tells whether values of a type have to be written as JSON.
pub(super) fn is_foreign(data_type: &DataType) -> bool {
    let bytes = matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_));
    bytes || (data_type.is_nested() && !matches!(data_type, DataType::Dictionary(..)))
}

/// The values as JSON text; sixteen bytes are the text of a guid.
pub(super) fn as_json(value: Value, data_type: &DataType) -> Expr {
    let kind = value.kind;
    let is_guid = *data_type == DataType::FixedSizeBinary(16);
    function::call("json_of", data_type.to_string(), kind, vec![value], move |arrays, _| {
        let Some(array) = arrays.first() else { return Err(DataFusionError::Internal("json_of takes a value".into())) };
        if is_guid { Ok(guids(array)) } else { texts(array) }
    })
    .expr
}

fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    let field = Arc::new(Field::new("value", array.data_type().clone(), true));
    let options = arrow::json::writer::EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = arrow::json::writer::make_encoder(&field, array.as_ref(), &options)?;
    let mut out = StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        out.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(out.finish()))
}

fn guids(array: &ArrayRef) -> ArrayRef {
    let mut out = StringBuilder::new();
    for bytes in array.as_fixed_size_binary() {
        let guid = bytes.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
        out.append_option(guid.map(|guid| guid.to_string()));
    }
    Arc::new(out.finish())
}
