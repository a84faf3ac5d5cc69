//! One scalar function of a plan: a name, what it was specialised to, and a body over whole arrays.

use super::super::types::arrow_type;
use super::super::value::Value;
use crate::kql::ast::TypeName;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a function does: arrays of one length in, an array of that length out.
type Body = dyn Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync;

/// Two functions of the same name, key and type are the same function: the key holds whatever the body has captured.
struct Function {
    name: &'static str,
    key: String,
    returns: DataType,
    signature: Signature,
    body: Arc<Body>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.name, self.key)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key == other.key && self.returns == other.returns
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, &self.key).hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.into_iter().map(|arg| arg.into_array(rows)).collect::<Result<Vec<_>>>()?;
        (self.body)(&arrays, rows).map(ColumnarValue::Array)
    }
}

/// Calls a function. Where every argument is a constant, so is the result.
pub(crate) fn call(
    name: &'static str,
    key: impl Into<String>,
    kind: TypeName,
    args: Vec<Value>,
    body: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Value {
    if let Some(value) = folded(&args, &body) {
        return Value::constant(value, kind);
    }
    Value::new(build(name, key.into(), arrow_type(kind), Volatility::Immutable, args, Arc::new(body)), kind)
}

/// Calls a function whose result has an Arrow type that no Kusto type has, such as a list of texts.
pub(crate) fn raw_call(
    name: &'static str,
    key: impl Into<String>,
    returns: DataType,
    args: Vec<Value>,
    body: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    build(name, key.into(), returns, Volatility::Immutable, args, Arc::new(body))
}

/// Calls a function that may give another result each time it is called.
pub(crate) fn volatile_call(
    name: &'static str,
    kind: TypeName,
    body: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Value {
    Value::new(build(name, String::new(), arrow_type(kind), Volatility::Volatile, Vec::new(), Arc::new(body)), kind)
}

fn folded(args: &[Value], body: &dyn Fn(&[ArrayRef], usize) -> Result<ArrayRef>) -> Option<ScalarValue> {
    let arrays = args.iter().map(|arg| arg.literal()?.to_array_of_size(1).ok()).collect::<Option<Vec<_>>>()?;
    let result = body(&arrays, 1).ok()?;
    ScalarValue::try_from_array(&result, 0).ok()
}

fn build(name: &'static str, key: String, returns: DataType, volatility: Volatility, args: Vec<Value>, body: Arc<Body>) -> Expr {
    let function = Function { name, key, returns, signature: Signature::user_defined(volatility), body };
    let udf = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(udf, args.into_iter().map(|arg| arg.expr).collect()))
}
