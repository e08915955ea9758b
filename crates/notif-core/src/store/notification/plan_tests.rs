//! Each read goes by its own index and sorts nothing, in a table that PostgreSQL knows nothing
//! about: the plan of the first day is the one that is kept.

use super::*;
use crate::query::{List, PageQuery};
use crate::store::asked::plan::plan;

fn assert_goes_by(index: &str, plan: &str) {
    assert!(
        plan.contains(&format!("using {index} on notifications")),
        "{plan}"
    );
    for slow in ["Sort", "Seq Scan", "Bitmap"] {
        assert!(!plan.contains(slow), "{slow}: {plan}");
    }
}

fn page(list: List, after: Option<Uuid>) -> PageQuery {
    PageQuery {
        list,
        limit: 50,
        offset: 0,
        after,
    }
}

#[test]
fn a_page_goes_by_the_index_of_its_subject() {
    let lists = [
        (List::of_order("o-1".to_owned()), "notifications_order"),
        (
            List::of_customer("c-1".to_owned()),
            "notifications_customer",
        ),
    ];
    for (list, index) in lists {
        let first = page(list.clone(), None);
        let types = ["text", "bigint", "bigint", "bigint", "bigint"];
        assert_goes_by(index, &plan(notification_page(&first), &types));
        assert_goes_by(index, &plan(notification_page_small(&first), &types[..4]));
        let next = page(list, Some(Uuid::nil()));
        let types = ["text", "uuid", "bigint", "bigint", "bigint", "bigint"];
        assert_goes_by(index, &plan(notification_page_small(&next), &types[..5]));
        let plan = plan(notification_page(&next), &types);
        assert_goes_by(index, &plan);
        // the place in the list is found in the index, not by reading up to it
        let condition = plan
            .lines()
            .find(|line| line.contains("Index Cond"))
            .unwrap();
        assert!(condition.contains("notification_id"), "{plan}");
    }
}

#[test]
fn the_latest_of_an_order_goes_by_its_index() {
    let plan = plan(order_latest("o-1"), &["text", "bigint"]);
    assert_goes_by("notifications_order", &plan);
}
