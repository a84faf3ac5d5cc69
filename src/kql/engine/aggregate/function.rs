//! One aggregate function of a plan: a name, what it was specialised to, and how its state is made, merged and read.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

type Factory = dyn Fn() -> Box<dyn Accumulator> + Send + Sync;

struct Aggregation {
    name: &'static str,
    key: String,
    returns: DataType,
    states: Vec<DataType>,
    signature: Signature,
    factory: Arc<Factory>,
}

impl fmt::Debug for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.name, self.key)
    }
}

impl PartialEq for Aggregation {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key == other.key && self.returns == other.returns
    }
}

impl Eq for Aggregation {}

impl Hash for Aggregation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, &self.key).hash(state);
    }
}

impl AggregateUDFImpl for Aggregation {
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

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok((self.factory)())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field =
            |(index, data_type): (usize, &DataType)| Arc::new(Field::new(format!("{}[{index}]", args.name), data_type.clone(), true));
        Ok(self.states.iter().enumerate().map(field).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Makes an aggregate. Two of the same name, key and type are the same: the key holds what the factory has captured.
pub(crate) fn aggregation(
    name: &'static str,
    key: impl Into<String>,
    returns: DataType,
    states: Vec<DataType>,
    factory: impl Fn() -> Box<dyn Accumulator> + Send + Sync + 'static,
) -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Aggregation { name, key: key.into(), returns, states, signature, factory: Arc::new(factory) }))
}
