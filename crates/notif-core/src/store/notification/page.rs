//! The rows of a subject, page by page.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use uuid::Uuid;

use super::cut::Cut;
use crate::notification::Notification;
use crate::query::{Direction, Page, PageQuery, Subject};
use crate::schema::notifications::dsl as n;
use crate::store::{Read, StoreError, read};

/// One page of a list. One statement, whose price is that of its rows.
pub fn notification_page(page: &PageQuery) -> Result<Read<Page>, StoreError> {
    static TEXTS: ListTexts = ListTexts::unknown();
    let found = read::all_with(TEXTS.of(page), &page_statement(page))?;
    Ok(found.and_then(|found| Ok(page_of(found))))
}

/// The same, its answer small whatever the rows hold: none where the events of the page and of the row
/// behind it, as text, have more than 64 KiB. They are not even fetched then.
pub fn notification_page_small(page: &PageQuery) -> Result<Read<Option<Page>>, StoreError> {
    static TEXTS: ListTexts = ListTexts::unknown();
    let found = read::all_with(TEXTS.of(page), &page_statement(page).small())?;
    Ok(found.and_then(|found| {
        let page = page_of(found);
        // no JSON text is empty
        let is_small = page.notifications.iter().all(|row| !row.event.is_empty());
        Ok(Some(page).filter(|_| is_small))
    }))
}

/// A page out of its rows, each with whether another one follows it.
fn page_of(found: Vec<(Notification, bool)>) -> Page {
    let last = found.last().filter(|(_, more)| *more);
    Page {
        end: last.map(|(row, _)| row.notification_id),
        notifications: found.into_iter().map(|(row, _)| row).collect(),
    }
}

/// The texts of the pages of one kind of list. Ids, limits and places are values, and no part of them.
struct PageTexts {
    oldest: read::Text,
    oldest_behind: read::Text,
    newest: read::Text,
    newest_behind: read::Text,
}

impl PageTexts {
    const fn unknown() -> Self {
        Self {
            oldest: read::Text::unknown(),
            oldest_behind: read::Text::unknown(),
            newest: read::Text::unknown(),
            newest_behind: read::Text::unknown(),
        }
    }
}

/// The texts of the pages of all kinds of lists.
struct ListTexts {
    order: PageTexts,
    customer: PageTexts,
    runner: PageTexts,
    correlation: PageTexts,
}

impl ListTexts {
    const fn unknown() -> Self {
        Self {
            order: PageTexts::unknown(),
            customer: PageTexts::unknown(),
            runner: PageTexts::unknown(),
            correlation: PageTexts::unknown(),
        }
    }

    fn of(&'static self, page: &PageQuery) -> &'static read::Text {
        let texts = match page.list.subject {
            Subject::Order(_) => &self.order,
            Subject::Customer(_) => &self.customer,
            Subject::Runner(_) => &self.runner,
            Subject::Correlation(_) => &self.correlation,
        };
        match (page.list.direction, page.after) {
            (Direction::OldestFirst, None) => &texts.oldest,
            (Direction::OldestFirst, Some(_)) => &texts.oldest_behind,
            (Direction::NewestFirst, None) => &texts.newest,
            (Direction::NewestFirst, Some(_)) => &texts.newest_behind,
        }
    }
}

/// A deliberate defect: a page that goes on behind all rows of the same millisecond.
fn behind_ties(id: Uuid, direction: Direction) -> Option<Uuid> {
    const BELOW_THE_MILLISECOND: u128 = u128::MAX >> 48;
    let bits = match direction {
        Direction::OldestFirst => id.as_u128() | BELOW_THE_MILLISECOND,
        Direction::NewestFirst => id.as_u128() & !BELOW_THE_MILLISECOND,
    };
    crate::mutated!("api-cursor-drops-ties").then(|| Uuid::from_u128(bits))
}

fn page_statement(page: &PageQuery) -> Cut<impl QueryFragment<Pg> + '_> {
    let mut rows = n::notifications
        .select((columns!(n::event), n::event_bytes))
        // one more: it tells whether there is a next page
        .limit(i64::from(page.limit).saturating_add(1))
        .offset(i64::from(page.offset))
        .into_boxed();
    rows = match &page.list.subject {
        Subject::Order(id) => rows.filter(n::order_id.eq(id)),
        Subject::Customer(id) => rows.filter(n::customer_id.eq(id)),
        Subject::Runner(id) => rows.filter(n::runner_id.eq(id)),
        Subject::Correlation(id) => rows.filter(n::correlation_id.eq(id)),
    };
    let after = page
        .after
        .map(|id| behind_ties(id, page.list.direction).unwrap_or(id));
    rows = match (page.list.direction, after) {
        (Direction::OldestFirst, Some(id)) => rows.filter(n::notification_id.gt(id)),
        (Direction::NewestFirst, Some(id)) => rows.filter(n::notification_id.lt(id)),
        (_, None) => rows,
    };
    rows = match page.list.direction {
        Direction::OldestFirst => rows.order(n::notification_id.asc()),
        Direction::NewestFirst => rows.order(n::notification_id.desc()),
    };
    Cut::new(rows, page.list.direction, page.limit)
}
