use storage::memory::Store;

use super::*;

#[tokio::test]
async fn the_data_of_another_namespace_is_refused_and_left_as_it_is() {
    let disk = Store::unbounded();
    let (_, table, _) = disk.open();
    let folder = Path::new("shop");
    assert!(!check_owner(table.as_ref(), folder, "first").unwrap());
    claim(table.as_ref(), folder, "first").await.unwrap();
    assert!(check_owner(table.as_ref(), folder, "first").unwrap());
    let refused = check_owner(table.as_ref(), folder, "second");
    assert!(matches!(refused, Err(Error::ForeignData { .. })), "{refused:?}");
}
