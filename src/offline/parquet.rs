//! Parquet files as a part of a table: columns and statistics from their footers, rows through `DataFusion`'s own reader, which passes
//! over what a filter rules out.

use super::{Documented, Part, Source, kinds, place, unreadable};
use crate::{
    error::{Error, Kind, Result},
    kql::{
        ast::TypeName,
        engine::{self, Column, Stored, TYPE_KEY, arrow_field, type_of_name},
    },
};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray},
        compute::{self, cast},
        datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType, UInt64Type},
    },
    datasource::{
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, statistics::StatisticsConverter},
    file::metadata::ParquetMetaData,
};
use std::{collections::BTreeMap, fs::File, path::Path, sync::Arc};
use url::Url;

/// Reads the footers of Parquet files.
pub(super) fn part(sources: &[Source], known: &Documented) -> Result<Part> {
    let footers = sources.iter().map(|source| Footer::read(&source.path)).collect::<Result<Vec<_>>>()?;
    let mut found = Found::default();
    for footer in &footers {
        found.take(footer, known);
    }
    let fields: Vec<Field> = found.fields.iter().map(|field| field.stored(footers.len())).collect();
    let columns = found.columns(known);
    let present = found.fields.iter().map(|field| field.name.clone()).collect();
    let time = place::time_column(&columns, known.info);
    let times = time.and_then(|time| footers.iter().filter_map(|footer| footer.times(&time)).reduce(wider));
    let rows = footers.iter().map(Footer::rows).sum();
    let provider = Arc::new(listing(sources, Arc::new(Schema::new(fields)))?);
    let form = engine::rows::Form { booleans: true, nested_dynamic: true };
    Ok(Part { columns, present, stored: Stored { provider, rows }, times, form })
}

fn wider(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.min(other.0), one.1.max(other.1))
}

fn listing(sources: &[Source], schema: SchemaRef) -> Result<ListingTable> {
    let paths = sources.iter().map(|source| url_of(&source.path)).collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config).map_err(|error| Error::new(Kind::Failed, "preparing to read Parquet files").caused_by(error))
}

fn url_of(path: &Path) -> Result<ListingTableUrl> {
    let absolute = std::path::absolute(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let url = Url::from_file_path(absolute).map_err(|()| unreadable(path, "its path has no URL"))?;
    ListingTableUrl::try_new(url, None).map_err(|error| unreadable(path, &error.to_string()))
}

/// What the end of a file says of it.
struct Footer {
    schema: SchemaRef,
    data: Arc<ParquetMetaData>,
}

impl Footer {
    fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
        let loaded = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let loaded = loaded.map_err(|error| unreadable(path, &error.to_string()))?;
        Ok(Self { schema: Arc::clone(loaded.schema()), data: Arc::clone(loaded.metadata()) })
    }

    fn rows(&self) -> usize {
        usize::try_from(self.data.file_metadata().num_rows()).unwrap_or(0)
    }

    fn statistics(&self, name: &str) -> Option<StatisticsConverter<'_>> {
        let schema = self.data.file_metadata().schema_descr();
        StatisticsConverter::try_new(name, self.schema.as_ref(), schema).ok()
    }

    /// Smallest and largest value of a column, in another type.
    fn extremes(&self, name: &str, wanted: &DataType) -> Option<(ArrayRef, ArrayRef)> {
        let statistics = self.statistics(name)?;
        let groups = self.data.row_groups();
        let mins = statistics.row_group_mins(groups.iter()).ok()?;
        let maxes = statistics.row_group_maxes(groups.iter()).ok()?;
        (mins.null_count() == 0 && maxes.null_count() == 0).then_some(())?;
        Some((cast(&mins, wanted).ok()?, cast(&maxes, wanted).ok()?))
    }

    fn times(&self, name: &str) -> Option<(i64, i64)> {
        let (mins, maxes) = self.extremes(name, &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())))?;
        let first = compute::min(mins.as_primitive::<TimestampNanosecondType>());
        first.zip(compute::max(maxes.as_primitive::<TimestampNanosecondType>()))
    }

    fn whole_numbers(&self, name: &str) -> Option<(i64, i64)> {
        let (mins, maxes) = self.extremes(name, &DataType::Int64)?;
        compute::min(mins.as_primitive::<Int64Type>()).zip(compute::max(maxes.as_primitive::<Int64Type>()))
    }

    /// Tells whether the file says that no value of a column is missing.
    fn is_full(&self, name: &str) -> bool {
        let counted = self.statistics(name).and_then(|statistics| {
            let statistics = statistics.with_missing_null_counts_as_zero(false);
            statistics.row_group_null_counts(self.data.row_groups().iter()).ok()
        });
        counted.is_some_and(|nulls| nulls.null_count() == 0 && compute::sum::<UInt64Type>(&nulls).unwrap_or(0) == 0)
    }
}

/// A column of the files.
#[derive(Clone)]
struct FileField {
    name: String,
    kind: TypeName,
    /// The type in the files, where it has no Kusto type of its own.
    foreign: Option<DataType>,
    /// In how many files every row has a value.
    full: usize,
}

impl FileField {
    fn stored(&self, files: usize) -> Field {
        match &self.foreign {
            Some(data_type) => Field::new(&self.name, data_type.clone(), true),
            None => arrow_field(&self.name, self.kind).with_nullable(self.full < files),
        }
    }
}

#[derive(Default)]
struct Found {
    fields: Vec<FileField>,
    at: BTreeMap<String, usize>,
}

impl Found {
    fn take(&mut self, footer: &Footer, known: &Documented) {
        for field in footer.schema.fields() {
            let found = FileField {
                name: field.name().clone(),
                kind: kind_of(field, footer, known),
                foreign: is_foreign(field.data_type()).then(|| field.data_type().clone()),
                full: usize::from(footer.is_full(field.name())),
            };
            match self.at.get(field.name()).and_then(|at| self.fields.get_mut(*at)) {
                Some(other) => {
                    other.kind = kinds::joined(other.kind, found.kind);
                    other.full += found.full;
                }
                None => {
                    self.at.insert(found.name.clone(), self.fields.len());
                    self.fields.push(found);
                }
            }
        }
    }

    /// The documented columns in their order, then those that the files have besides.
    fn columns(&self, known: &Documented) -> Vec<Column> {
        let documented = known.columns().map(|(name, kind)| {
            let found = self.at.get(name).and_then(|at| self.fields.get(*at));
            Column::new(name, found.map_or(kind, |field| field.kind))
        });
        let mut columns: Vec<Column> = documented.collect();
        for field in &self.fields {
            if !columns.iter().any(|column| column.name == field.name) {
                columns.push(Column::new(&field.name, field.kind));
            }
        }
        columns
    }
}

/// The Kusto type of a column: the documented one where the file's values are of it, else what the file says.
fn kind_of(field: &Field, footer: &Footer, known: &Documented) -> TypeName {
    let said = field.metadata().get(TYPE_KEY).and_then(|name| type_of_name(name));
    let natural = said.unwrap_or_else(|| natural(field.data_type()));
    let Some(declared) = known.kind(field.name()) else { return natural };
    let within = |low: i64, high: i64| footer.whole_numbers(field.name()).is_some_and(|(min, max)| min >= low && max <= high);
    let fits = match (natural, declared) {
        (TypeName::Int | TypeName::Long, TypeName::Bool) => within(0, 1),
        (TypeName::Long, TypeName::Int) => within(i32::MIN.into(), i32::MAX.into()),
        (TypeName::Int | TypeName::Bool, TypeName::Long | TypeName::Int | TypeName::Real) => true,
        (TypeName::String, _) => !is_foreign(field.data_type()),
        _ => natural == declared,
    };
    if fits { declared } else { natural }
}

/// The Kusto type that comes nearest to an Arrow type, without a loss.
fn natural(data_type: &DataType) -> TypeName {
    match data_type {
        DataType::Boolean => TypeName::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => TypeName::Int,
        DataType::Int64 | DataType::UInt32 => TypeName::Long,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => TypeName::Real,
        DataType::UInt64 | DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            TypeName::Decimal
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => TypeName::Datetime,
        DataType::Duration(_) => TypeName::Timespan,
        DataType::FixedSizeBinary(16) => TypeName::Guid,
        DataType::Dictionary(_, value) => natural(value),
        other if is_foreign(other) => TypeName::Dynamic,
        _ => TypeName::String,
    }
}

/// Tells whether values of a type have to be written as JSON.
fn is_foreign(data_type: &DataType) -> bool {
    data_type.is_nested() && !matches!(data_type, DataType::Dictionary(..))
        || matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}
