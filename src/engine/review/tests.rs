use super::{Review, printed};

/// A review of the update from one object to another.
fn body(old: &str, new: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"UPDATE",
        "kind":{{"group":"example.com","version":"v1","kind":"Widget"}},"resource":{{"group":"example.com","version":"v1","resource":"widgets"}},
        "object":{new},"oldObject":{old},"options":null}}}}"#
    )
}

#[test]
fn a_review_that_serde_json_printed_has_the_same_envelope() {
    let whole = body("{\"a\":1}", "{\"a\":2}");
    let twice = whole
        .replace("\"uid\":\"u\"", "\"uid\":\"x\",\"uid\":\"u\"")
        .replace("\"oldObject\"", "\"oldObject\":[{}],\"oldObject\"");
    let again =
        whole.replace("\"request\":", "\"request\":{\"uid\":\"x\",\"object\":{}},\"request\":");
    let other = whole
        .replace("\"request\":", "\"request\":1,\"request\":")
        .replace("\"options\":null", "\"object\":[],\"options\":null");
    let escaped = whole
        .replace("\"request\"", "\"re\\u0071uest\"")
        .replace("\"uid\":\"u\"", "\"\\u0075id\":\"\\u00e9\"")
        .replace("\"object\"", "\"\\u006fbject\"");
    for text in [&whole, &twice, &again, &other, &escaped] {
        let printed = printed(text.as_bytes()).expect("a review");
        let [one, two] = [text.as_bytes(), &printed].map(|body| {
            let review = Review::parse(body).expect("a review");
            let objects = review.with_objects(|old, new| Ok((old.to_value(), new.to_value())));
            (
                review.uid.clone().into_owned(),
                review.user.clone().into_owned(),
                format!("{:?}", review.target()),
                objects.map_err(|error| error.to_string()),
            )
        });
        assert_eq!(one, two, "{text}");
    }
}
