//! Functions that look at other rows of a sorted table: `prev`, `next`, `row_number`, `row_cumsum`, `row_rank_dense`.

use super::super::error::QueryError;
use super::super::plan::Planner;
use super::super::plan::relation::column;
use super::super::scalar::convert::convert;
use super::super::types::arrow_type;
use super::super::value::Value;
use super::scope::{Mode, Scope};
use crate::kql::ast::{Expr, Span, TypeName};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::lead_lag::{lag_udwf, lead_udwf};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr as PlanExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::scalar::ScalarValue;

/// Calls that need a window.
pub(super) const NAMES: &[&str] = &["prev", "next", "row_number", "row_cumsum"];

pub(super) fn is_neighbour(name: &str) -> bool {
    NAMES.contains(&name)
}

impl<'a> Planner<'a> {
    pub(super) fn neighbour(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let Mode::Window(..) = scope.mode else {
            return Err(self.semantic(format!("Function '{name}' can only be used on a serialized table"), span));
        };
        let values = arguments.iter().map(|argument| self.scalar(argument, scope)).collect::<Result<Vec<_>, _>>()?;
        match name {
            "row_number" => Ok(self.row_number(&values, scope)),
            "row_cumsum" => self.running_sum(&values, span, scope),
            _ => self.shifted(name, &values, span, scope),
        }
    }

    fn windowed(
        &self,
        function: impl Into<WindowFunctionDefinition>,
        args: Vec<PlanExpr>,
        frame: WindowFrame,
        scope: Scope<'_, 'a>,
    ) -> PlanExpr {
        let Mode::Window(collected, order, part) = scope.mode else { return datafusion::logical_expr::lit(ScalarValue::Null) };
        let params = WindowFunctionParams {
            args,
            partition_by: part.iter().map(|id| column(id)).collect(),
            order_by: order.to_vec(),
            window_frame: frame,
            filter: None,
            null_treatment: None,
            distinct: false,
        };
        let id = self.fresh("window");
        collected.push(id.clone(), PlanExpr::from(WindowFunction { fun: function.into(), params }));
        column(&id)
    }

    pub(crate) fn row_number(&self, values: &[Value], scope: Scope<'_, 'a>) -> Value {
        let numbered = self.windowed(row_number_udwf(), Vec::new(), whole_frame(scope), scope);
        let first = values.first().and_then(Value::as_i64).unwrap_or(1);
        let number = Value::new(numbered, TypeName::Long).cast(TypeName::Long);
        super::super::scalar::math::arithmetic(super::super::scalar::math::Arithmetic::Add, number, Value::long(first - 1))
    }

    fn running_sum(&self, values: &[Value], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let [value] = values else { return Err(QueryError::unsupported("row_cumsum() with a restart", span)) };
        let kind = if value.kind == TypeName::Real { TypeName::Real } else { TypeName::Long };
        let value = convert(value.clone(), kind);
        let frame = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        Ok(Value::new(self.windowed(sum_udaf(), vec![value.expr], frame, scope), kind))
    }

    fn shifted(&self, name: &str, values: &[Value], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let Some(value) = values.first() else { return Err(self.argument_count(name, 1, span)) };
        let offset = values
            .get(1)
            .map_or(Some(1), Value::as_i64)
            .ok_or_else(|| self.semantic(format!("{name}(): the offset must be constant"), span))?;
        let default = values.get(2).cloned().map_or_else(|| Value::null(value.kind), |default| convert(default, value.kind));
        let default = default.literal().cloned().unwrap_or(ScalarValue::try_from(&arrow_type(value.kind)).unwrap_or(ScalarValue::Null));
        let function = if name == "prev" { lag_udwf() } else { lead_udwf() };
        let args = vec![value.expr.clone(), datafusion::logical_expr::lit(offset), datafusion::logical_expr::lit(default)];
        Ok(Value::new(self.windowed(function, args, whole_frame(scope), scope), value.kind))
    }
}

fn whole_frame(scope: Scope<'_, '_>) -> WindowFrame {
    let ordered = matches!(scope.mode, Mode::Window(_, order, _) if !order.is_empty());
    WindowFrame::new(ordered.then_some(false))
}
