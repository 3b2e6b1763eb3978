//! Items and keys as they are stored.

use bytes::Bytes;
use headwater_model::{
    AttributeValue, EncodedItem, Item, ItemRef, KeyAttribute, KeySchema, KeyType, ValueRef,
};

/// Bytes as a stored item: walked, looked into, decoded. What decodes encodes to the same bytes.
pub(crate) fn item(data: &[u8]) {
    let encoded = EncodedItem::from_bytes(Bytes::copy_from_slice(data));
    encoded.size_bytes();
    let walked = walk(encoded.as_ref());
    for name in ["", "a", "pk"] {
        drop(encoded.get(name));
    }
    if let Ok(item) = encoded.decode() {
        assert!(walked.is_some(), "decodes, but can't be walked");
        assert_eq!(EncodedItem::encode(&item).bytes(), encoded.bytes());
        assert_eq!(item.size_bytes(), encoded.size_bytes());
        for (name, value) in &item {
            assert_eq!(encoded.get(name), Ok(Some(value.clone())));
        }
    }
}

/// Visits every value; `None` at the first fault.
fn walk(item: ItemRef<'_>) -> Option<usize> {
    item.iter()
        .map(|attribute| values_in(attribute.ok()?.1))
        .sum()
}

fn values_in(value: ValueRef<'_>) -> Option<usize> {
    let inner: Option<usize> = match value {
        ValueRef::L(list) => list.iter().map(|value| values_in(value.ok()?)).sum(),
        ValueRef::M(map) => map.iter().map(|member| values_in(member.ok()?.1)).sum(),
        ValueRef::Ss(set) => set.iter().map(|element| Some(element.ok()?.len())).sum(),
        ValueRef::Bs(set) => set.iter().map(|element| Some(element.ok()?.len())).sum(),
        ValueRef::Ns(set) => set.iter().map(|element| element.ok().map(|_| 1)).sum(),
        _ => Some(0),
    };
    Some(inner? + 1)
}

/// Bytes as a storage key of a schema that the first byte chooses, and as the values of two keys, whose bytes
/// must be in the order of the values.
pub(crate) fn storage_key(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let kind = |choice: u8| match choice % 3 {
        0 => KeyType::S,
        1 => KeyType::N,
        _ => KeyType::B,
    };
    let (partition, sort) = (kind(*choice), kind(choice / 3));
    let schema = KeySchema::new(
        KeyAttribute::new("pk", partition),
        (choice & 0x80 != 0).then(|| KeyAttribute::new("sk", sort)),
    );
    if let Ok(key) = schema.decode_key(rest) {
        let again = schema.storage_key_of_key(&key);
        assert_eq!(again.as_ref().map(|key| key.bytes()), Ok(rest));
    }
    let schema = KeySchema::new(
        KeyAttribute::new("pk", partition),
        Some(KeyAttribute::new("sk", sort)),
    );
    let parts: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    let [pk, first, second, ..] = parts[..] else {
        return;
    };
    let (Some(pk), Some(first), Some(second)) = (
        value_of(partition, pk),
        value_of(sort, first),
        value_of(sort, second),
    ) else {
        return;
    };
    in_order(&schema, &pk, &first, &second);
}

fn value_of(kind: KeyType, bytes: &[u8]) -> Option<AttributeValue> {
    let text = || std::str::from_utf8(bytes).ok();
    Some(match kind {
        KeyType::S => AttributeValue::S(text()?.to_owned()),
        KeyType::N => AttributeValue::N(text()?.parse().ok()?),
        KeyType::B => AttributeValue::B(Bytes::copy_from_slice(bytes)),
    })
}

fn in_order(
    schema: &KeySchema,
    pk: &AttributeValue,
    first: &AttributeValue,
    second: &AttributeValue,
) {
    let key = |sk: &AttributeValue| -> Option<(Item, Vec<u8>)> {
        let mut item = Item::new();
        item.insert("pk".to_owned(), pk.clone());
        item.insert("sk".to_owned(), sk.clone());
        let bytes = schema.storage_key_of_key(&item).ok()?.into_vec();
        assert_eq!(schema.decode_key(&bytes).as_ref(), Ok(&item));
        Some((item, bytes))
    };
    if let (Some((_, a)), Some((_, b))) = (key(first), key(second)) {
        assert_eq!(first.compare(second), Some(a.cmp(&b)));
        let prefix = schema.partition_prefix(pk);
        assert!(prefix.is_ok_and(|prefix| a.starts_with(&prefix) && b.starts_with(&prefix)));
    }
}
