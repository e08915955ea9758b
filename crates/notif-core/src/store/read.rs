//! A read as a value: what is asked, and how the answer is understood. Whoever has a connection can
//! run it, see [`super::pool`].

use std::num::NonZeroU32;
use std::ops::Range;

use diesel::deserialize::FromSqlRow;
use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata, PgValue, TypeOidLookup};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{Query, QueryBuilder, QueryFragment};
use diesel::query_dsl::CompatibleType;
use diesel::row::{Field, PartialRow, Row, RowIndex, RowSealed};

use super::StoreError;
use super::libpq::{Answer, Values};

type Understand<T> = Box<dyn FnOnce(&Answer) -> Result<T, StoreError> + Send>;

/// A read, and how its answer is understood.
pub struct Read<T> {
    statement: Statement,
    understand: Understand<T>,
}

/// What is sent to PostgreSQL.
#[derive(Debug, Clone)]
pub struct Statement {
    /// With `$1` and so on for the values.
    pub(super) sql: String,
    /// The types of the values.
    pub(super) types: Vec<u32>,
    /// The values.
    pub(super) values: Values,
}

impl<T: 'static> Read<T> {
    /// The same read, its answer understood further.
    pub fn and_then<U>(
        self,
        further: impl FnOnce(T) -> Result<U, StoreError> + Send + 'static,
    ) -> Read<U> {
        let understand = self.understand;
        Read {
            statement: self.statement,
            understand: Box::new(|answer| further(understand(answer)?)),
        }
    }

    /// What is asked, and what understands the answer.
    pub fn split(
        self,
    ) -> (
        Statement,
        impl FnOnce(&Answer) -> Result<T, StoreError> + Send,
    ) {
        (self.statement, self.understand)
    }
}

/// The read of all rows of a query.
pub(super) fn all<Q, U, ST>(query: &Q) -> Result<Read<Vec<U>>, StoreError>
where
    Q: Query + QueryFragment<Pg>,
    Q::SqlType: CompatibleType<U, Pg, SqlType = ST>,
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Ok(Read {
        statement: Statement::of(query)?,
        understand: Box::new(|answer| rows::<U, ST>(answer)),
    })
}

/// The read of all rows of a statement that is written as text, whose columns are of type `ST`.
pub(super) fn all_of<ST, U>(statement: &impl QueryFragment<Pg>) -> Result<Read<Vec<U>>, StoreError>
where
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Ok(Read {
        statement: Statement::of(statement)?,
        understand: Box::new(|answer| rows::<U, ST>(answer)),
    })
}

/// The read of the only row of a query.
pub(super) fn one<Q, U, ST>(query: &Q) -> Result<Read<U>, StoreError>
where
    Q: Query + QueryFragment<Pg>,
    Q::SqlType: CompatibleType<U, Pg, SqlType = ST>,
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    let all = all::<Q, U, ST>(query)?;
    Ok(all.and_then(|rows| rows.into_iter().next().ok_or(StoreError::NotFound)))
}

impl Statement {
    /// Asks for nothing, to see whether anybody answers.
    pub fn sign_of_life() -> Self {
        Self {
            sql: "SELECT 1".to_owned(),
            types: Vec::new(),
            values: Vec::new(),
        }
    }

    fn of(query: &impl QueryFragment<Pg>) -> Result<Self, StoreError> {
        let mut builder = PgQueryBuilder::default();
        query.to_sql(&mut builder, &Pg)?;
        let mut bound = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut bound, &mut BuiltIn, &Pg)?;
        let mut types = Vec::with_capacity(bound.metadata.len());
        for metadata in &bound.metadata {
            let known = metadata
                .oid()
                .map_err(|error| StoreError::Internal(error.to_string()))?;
            types.push(known);
        }
        Ok(Self {
            sql: builder.finish(),
            types,
            values: bound.binds,
        })
    }
}

fn rows<U: FromSqlRow<ST, Pg>, ST>(answer: &Answer) -> Result<Vec<U>, StoreError> {
    let row = |number| U::build_from_row(&AnswerRow { answer, number });
    (0..answer.rows())
        .map(row)
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::Internal(error.to_string()))
}

/// The types of our columns are PostgreSQL's own, whose numbers are fixed: none is looked up.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, type_name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let schema = schema.map(|schema| schema.to_owned().into());
        let key = diesel::pg::PgMetadataCacheKey::new(schema, type_name.to_owned().into());
        PgTypeMetadata::from_result(Err(diesel::pg::FailedToLookupTypeError::new(key)))
    }
}

/// A row of an answer, as diesel reads rows.
struct AnswerRow<'a> {
    answer: &'a Answer,
    number: usize,
}

impl RowSealed for AnswerRow<'_> {}

impl<'a> Row<'a, Pg> for AnswerRow<'a> {
    type Field<'f>
        = AnswerField<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.answer.columns()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        Some(AnswerField {
            answer: self.answer,
            row: self.number,
            column: self.idx(index)?,
        })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for AnswerRow<'_> {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.answer.columns()).then_some(index)
    }
}

impl<'b> RowIndex<&'b str> for AnswerRow<'_> {
    fn idx(&self, name: &'b str) -> Option<usize> {
        (0..self.answer.columns()).find(|column| self.answer.column_name(*column) == Some(name))
    }
}

struct AnswerField<'a> {
    answer: &'a Answer,
    row: usize,
    column: usize,
}

impl<'a> Field<'a, Pg> for AnswerField<'a> {
    fn field_name(&self) -> Option<&str> {
        self.answer.column_name(self.column)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let bytes = self.answer.value(self.row, self.column)?;
        Some(PgValue::new(bytes, self))
    }
}

impl TypeOidLookup for AnswerField<'_> {
    fn lookup(&self) -> NonZeroU32 {
        self.answer
            .column_type(self.column)
            .unwrap_or(NonZeroU32::MIN)
    }
}
