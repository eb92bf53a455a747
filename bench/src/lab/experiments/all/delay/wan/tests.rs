//! Tests of [`super`].

use super::*;

#[test]
fn all_choices_are_made_once() {
    assert_eq!(choices(4, 2), [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]].map(Vec::from));
    assert_eq!(choices(13, 5).len(), 1287);
    assert!(choices(2, 3).is_empty());
}
