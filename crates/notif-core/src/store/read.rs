//! A read as a value: what is asked, and how the answer is understood. Whoever has a connection can
//! run it, see [`super::pool`].

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

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
    pub(super) sql: Arc<str>,
    /// The types of the values.
    pub(super) types: Arc<[u32]>,
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

impl<T> Read<Vec<T>> {
    /// The read of all rows of a statement whose columns are of type `ST`.
    fn of_rows<ST>(statement: Statement) -> Self
    where
        T: FromSqlRow<ST, Pg> + 'static,
        ST: 'static,
    {
        Self {
            statement,
            understand: Box::new(|answer| rows::<T, ST>(answer)),
        }
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
    Statement::of(query).map(Read::of_rows::<ST>)
}

/// The read of all rows of a statement that is written as text, whose columns are of type `ST`.
pub(super) fn all_of<ST, U>(statement: &impl QueryFragment<Pg>) -> Result<Read<Vec<U>>, StoreError>
where
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Statement::of(statement).map(Read::of_rows::<ST>)
}

/// The read of the only row of a query.
pub(super) fn one<Q, U, ST>(query: &Q) -> Result<Read<U>, StoreError>
where
    Q: Query + QueryFragment<Pg>,
    Q::SqlType: CompatibleType<U, Pg, SqlType = ST>,
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Ok(all::<Q, U, ST>(query)?.and_then(first))
}

/// The read of all rows of a query whose text never changes: it is made once. Each has a [`Text`] of
/// its own.
pub(super) fn all_with<Q, U, ST>(text: &'static Text, query: &Q) -> Result<Read<Vec<U>>, StoreError>
where
    Q: Query + QueryFragment<Pg>,
    Q::SqlType: CompatibleType<U, Pg, SqlType = ST>,
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Statement::of_known(query, text).map(Read::of_rows::<ST>)
}

/// The only row of such a query.
pub(super) fn one_with<Q, U, ST>(text: &'static Text, query: &Q) -> Result<Read<U>, StoreError>
where
    Q: Query + QueryFragment<Pg>,
    Q::SqlType: CompatibleType<U, Pg, SqlType = ST>,
    U: FromSqlRow<ST, Pg> + 'static,
    ST: 'static,
{
    Ok(all_with::<Q, U, ST>(text, query)?.and_then(first))
}

fn first<U>(rows: Vec<U>) -> Result<U, StoreError> {
    rows.into_iter().next().ok_or(StoreError::NotFound)
}

/// The text of a statement, and the types of its values. For diesel to write it takes longer than all
/// else that is done to a small read here.
pub(super) struct Text(OnceLock<(Arc<str>, Arc<[u32]>)>);

impl Text {
    /// One that is not known yet.
    pub(super) const fn unknown() -> Self {
        Self(OnceLock::new())
    }
}

impl Statement {
    /// Asks for nothing, to see whether anybody answers.
    pub fn sign_of_life() -> Self {
        Self {
            sql: "SELECT 1".into(),
            types: [].into(),
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
            sql: builder.finish().into(),
            types: types.into(),
            values: bound.binds,
        })
    }

    /// The same where the text is known, and only the values are not.
    fn of_known(query: &impl QueryFragment<Pg>, text: &Text) -> Result<Self, StoreError> {
        let Some((sql, types)) = text.0.get() else {
            let statement = Self::of(query)?;
            let known = (Arc::clone(&statement.sql), Arc::clone(&statement.types));
            // whoever was faster made the same
            text.0.get_or_init(|| known);
            return Ok(statement);
        };
        debug_assert!(Self::of(query).is_ok_and(|made| made.sql == *sql && made.types == *types));
        let mut bound = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut bound, &mut BuiltIn, &Pg)?;
        Ok(Self {
            sql: Arc::clone(sql),
            types: Arc::clone(types),
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
