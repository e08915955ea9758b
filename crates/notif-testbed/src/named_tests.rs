//! The names of tests, for those that compare a page with the tests it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all tests in the sources below some folders.
///
/// Those are functions that follow a line `#[test]`, also within `proptest!`, unless they are ignored.
/// Tests that a macro gives a name of its argument are not among them.
///
/// # Panics
/// Where a folder cannot be read: a name that is missing for that reason would be put down to the page.
pub fn named_tests(folders: impl IntoIterator<Item = impl AsRef<Path>>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in folders {
        let folder = folder.as_ref();
        if let Err(error) = collect(folder, &mut names) {
            #[expect(clippy::panic, reason = "a test cannot go on without its sources")]
            {
                panic!("the tests below {}: {error}", folder.display());
            }
        }
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, names)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            names.extend(in_source(&fs::read_to_string(&path)?).map(str::to_owned));
        }
    }
    Ok(())
}

fn in_source(source: &str) -> impl Iterator<Item = &str> {
    let mut lines = source.lines().map(str::trim_start);
    std::iter::from_fn(move || {
        lines.find(|line| *line == "#[test]")?;
        // between them stand further attributes
        let mut is_ignored = false;
        let function = lines.find_map(|line| {
            is_ignored |= line.starts_with("#[ignore");
            line.strip_prefix("fn ")
        });
        let name = function?.split_once('(').map(|(name, _)| name);
        Some(name.filter(|name| !is_ignored && !name.starts_with('$')))
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_and_other_functions_are_not() {
        let source = r##"
            fn helper() { "#[test]"; }

            #[test]
            fn one() {}

            fn another_helper() {}

            #[test]
            #[should_panic(expected = "fn x(")]
            fn two() {}

            #[test]
            #[ignore = "long"]
            fn ignored() {}

            proptest! {
                #[test]
                fn three(
                    value in any_bytes(),
                ) {}
            }

            macro_rules! shapes {
                ($shape:ident) => {
                    #[test]
                    fn $shape() {}
                };
            }
        "##;
        let found: Vec<&str> = in_source(source).collect();
        assert_eq!(found, ["one", "two", "three"]);
    }

    #[test]
    fn folders_are_looked_through_to_their_bottom() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let names = named_tests([here.join("src"), here.join("tests")]);
        assert!(names.contains("folders_are_looked_through_to_their_bottom"));
        assert!(names.contains("servers_end_when_their_process_is_killed"));
    }
}
