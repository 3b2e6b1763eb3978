//! Documents of resource policies: what is refused, and the form in which they are kept. Of AWS's checks those of the
//! shape are made; whether principals exist and actions are known is not, as nothing here applies a policy.
//!
//! The form is AWS's (recorded): no white space, members in a fixed order, lists of one element as that element, accounts
//! as ARNs. Two documents of one form are the same policy.

use std::borrow::Cow;

use headwater_wire::ApiError;
use headwater_wire::json::{Json, Members, WriteJson};
use headwater_wire::messages::policies;

use crate::failure::internal;

/// Most bytes of a document, white space included (dynamodb-api.md section 3).
const DOCUMENT_BYTES_MAX: usize = 20 * 1024;
/// Versions of IAM's policy language.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];
/// What a document without a version is shown with (recorded).
const VERSION_SHOWN: &str = "2008-10-17";
const ACCOUNT_ID_DIGITS: usize = 12;

/// A document in the form in which it is kept.
pub(crate) fn canonical(document: &str) -> Result<String, ApiError> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(policies::too_large(DOCUMENT_BYTES_MAX));
    }
    let Ok(Json::Object(members)) = Json::parse(document.as_bytes()) else {
        return Err(policies::invalid_json());
    };
    let policy = policy(members)?;
    let mut out = Vec::with_capacity(document.len());
    policy.write(&mut out).map_err(internal)?;
    String::from_utf8(out).map_err(internal)
}

/// A kept document as it is shown.
pub(crate) fn shown(canonical: &str) -> String {
    match canonical.strip_prefix('{') {
        Some(rest) if !rest.starts_with("\"Version\"") => {
            format!("{{\"Version\":\"{VERSION_SHOWN}\",{rest}")
        }
        _ => canonical.to_owned(),
    }
}

fn policy<'a>(members: Members<'a>) -> Result<Json<'a>, ApiError> {
    let [version, id, statement] = take(members, ["Version", "Id", "Statement"])?;
    if let Some(version) = &version
        && !version
            .as_str()
            .is_some_and(|text| VERSIONS.contains(&text))
    {
        return Err(policies::invalid_version());
    }
    text(&id, "Id")?;
    let statements = match statement {
        None => return Err(policies::missing_field("Statement")),
        Some(Json::Array(statements)) if statements.is_empty() => {
            return Err(policies::no_statement());
        }
        Some(Json::Array(statements)) => statements,
        Some(statement) => vec![statement],
    };
    let statements = statements.into_iter().map(one_statement);
    let statements = statements.collect::<Result<Vec<_>, _>>()?;
    let sids = || statements.iter().filter_map(|one| one.get("Sid")?.as_str());
    let twice = sids()
        .enumerate()
        .find(|(at, sid)| sids().take(*at).any(|other| other == *sid));
    if twice.is_some() {
        return Err(policies::sids_not_unique());
    }
    Ok(object([
        ("Version", version),
        ("Id", id),
        ("Statement", Some(Json::Array(statements))),
    ]))
}

fn one_statement(statement: Json<'_>) -> Result<Json<'_>, ApiError> {
    let Json::Object(members) = statement else {
        return Err(policies::syntax("Statement"));
    };
    let [
        sid,
        effect,
        principal,
        not_principal,
        action,
        not_action,
        resource,
        not_resource,
        condition,
    ] = take(
        members,
        [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
    )?;
    text(&sid, "Sid")?;
    let effect = effect_of(effect)?;
    let (principal_name, principal) =
        either(("Principal", principal), ("NotPrincipal", not_principal))?;
    let (action_name, action) = either(("Action", action), ("NotAction", not_action))?;
    let (resource_name, resource) = either(("Resource", resource), ("NotResource", not_resource))?;
    if !matches!(condition, None | Some(Json::Object(_))) {
        return Err(policies::syntax("Condition"));
    }
    let principal = principals(principal, principal_name)?;
    let everybody = principal_name == "Principal" && is_everybody(&principal);
    if effect == "Allow" && everybody && condition.is_none() {
        return Err(policies::unbounded());
    }
    Ok(object([
        ("Sid", sid),
        ("Effect", Some(Json::String(effect.into()))),
        (principal_name, Some(principal)),
        (action_name, Some(texts(action, action_name)?)),
        (resource_name, Some(texts(resource, resource_name)?)),
        ("Condition", condition),
    ]))
}

/// The members of these names, in this order. Others are refused.
fn take<'a, const N: usize>(
    members: Members<'a>,
    names: [&'static str; N],
) -> Result<[Option<Json<'a>>; N], ApiError> {
    let mut found = [const { None }; N];
    for (name, value) in members {
        match names.iter().position(|known| *known == name) {
            Some(place) => found[place] = Some(value),
            None => return Err(policies::syntax(&name)),
        }
    }
    Ok(found)
}

/// The one of two members that is there; the first is what is missed.
fn either<'a>(
    (name, value): (&'static str, Option<Json<'a>>),
    (other_name, other): (&'static str, Option<Json<'a>>),
) -> Result<(&'static str, Json<'a>), ApiError> {
    match (value, other) {
        (Some(value), None) => Ok((name, value)),
        (None, Some(other)) => Ok((other_name, other)),
        (Some(_), Some(_)) => Err(policies::syntax(other_name)),
        (None, None) => Err(policies::missing_field(name)),
    }
}

fn text(value: &Option<Json<'_>>, name: &str) -> Result<(), ApiError> {
    match value {
        None | Some(Json::String(_)) => Ok(()),
        Some(_) => Err(policies::syntax(name)),
    }
}

/// AWS takes small letters too (recorded).
fn effect_of(effect: Option<Json<'_>>) -> Result<&'static str, ApiError> {
    let effect = effect.ok_or_else(|| policies::missing_field("Effect"))?;
    let given = effect.as_str().unwrap_or_default();
    let mut words = ["Allow", "Deny"].into_iter();
    words
        .find(|word| word.eq_ignore_ascii_case(given))
        .ok_or_else(|| policies::syntax("Effect"))
}

/// A text or a list of them; a list of one is that one.
fn texts<'a>(value: Json<'a>, name: &str) -> Result<Json<'a>, ApiError> {
    match value {
        Json::String(_) => Ok(value),
        Json::Array(mut values) => {
            let all_texts = values.iter().all(|value| matches!(value, Json::String(_)));
            match values.len() {
                0 => Err(policies::syntax(name)),
                _ if !all_texts => Err(policies::syntax(name)),
                1 => Ok(values.remove(0)),
                _ => Ok(Json::Array(values)),
            }
        }
        _ => Err(policies::syntax(name)),
    }
}

fn principals<'a>(value: Json<'a>, name: &str) -> Result<Json<'a>, ApiError> {
    let members = match value {
        Json::Object(members) if !members.is_empty() => members,
        Json::String(everybody) if everybody == "*" => return Ok(Json::String(everybody)),
        _ => return Err(policies::syntax(name)),
    };
    let mut kept = Vec::new();
    for (kind, value) in members {
        let value = match kind.as_ref() {
            "AWS" => accounts(texts(value, name)?),
            "Service" | "Federated" | "CanonicalUser" => texts(value, name)?,
            _ => return Err(policies::syntax(name)),
        };
        kept.push((kind, value));
    }
    Ok(Json::Object(kept))
}

/// Account ids as the ARNs of their roots, each principal once.
fn accounts(value: Json<'_>) -> Json<'_> {
    let arn = |text: Cow<'_, str>| {
        let is_id =
            text.len() == ACCOUNT_ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        match is_id {
            true => format!("arn:aws:iam::{text}:root"),
            false => text.into_owned(),
        }
    };
    let given = match value {
        Json::Array(given) => given,
        one => vec![one],
    };
    let mut kept: Vec<String> = Vec::new();
    for value in given {
        if let Json::String(text) = value {
            let text = arn(text);
            if !kept.contains(&text) {
                kept.push(text);
            }
        }
    }
    let mut kept: Vec<Json<'_>> = kept
        .into_iter()
        .map(|text| Json::String(text.into()))
        .collect();
    match kept.len() {
        1 => kept.remove(0),
        _ => Json::Array(kept),
    }
}

fn is_everybody(principal: &Json<'_>) -> bool {
    let is_star = |value: &Json<'_>| value.as_str() == Some("*");
    is_star(principal)
        || match principal.get("AWS") {
            Some(Json::Array(all)) => all.iter().any(is_star),
            Some(one) => is_star(one),
            None => false,
        }
}

fn object<'a, const N: usize>(members: [(&'static str, Option<Json<'a>>); N]) -> Json<'a> {
    let given = members.into_iter();
    let given = given.filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)));
    Json::Object(given.collect())
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENT_BYTES_MAX, canonical, shown};

    const KEPT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"dynamodb:GetItem","Resource":"*"}]}"#;

    fn refusal(document: &str) -> String {
        match canonical(document) {
            Ok(kept) => kept,
            Err(error) => error.message,
        }
    }

    #[test]
    fn documents_of_one_meaning_have_one_form() {
        for same in [
            KEPT,
            r#" { "Statement" : { "Resource" : ["*"], "Action": ["dynamodb:GetItem"], "Effect" : "allow",
                "Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:root"]}, "Sid": "\u0061"},
                "Version" : "2012-10-17" } "#,
        ] {
            assert_eq!(canonical(same).as_deref(), Ok(KEPT));
        }
    }

    #[test]
    fn lists_keep_their_order_and_conditions_their_members() {
        let kept = r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["arn:b","arn:a"]},"NotAction":["b","a"],"NotResource":["b","a","b"],"Condition":{"Bool":{"aws:SecureTransport":[false,1.50,null]}}}]}"#;
        assert_eq!(canonical(kept).as_deref(), Ok(kept));
    }

    #[test]
    fn a_document_without_a_version_is_shown_with_the_old_one() {
        let kept =
            r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"a","Resource":"b"}]}"#;
        assert_eq!(canonical(kept).as_deref(), Ok(kept));
        assert_eq!(
            shown(kept),
            format!("{{\"Version\":\"2008-10-17\",{}", &kept[1..])
        );
        assert_eq!(shown(KEPT), KEPT);
    }

    #[test]
    fn size_counts_white_space() {
        let padded = format!("{KEPT}{}", " ".repeat(DOCUMENT_BYTES_MAX - KEPT.len()));
        assert_eq!(canonical(&padded).as_deref(), Ok(KEPT));
        assert!(
            refusal(&format!("{padded} ")).contains("Maximum policy size of 20480 bytes exceeded")
        );
    }

    #[test]
    fn faults_of_the_shape() {
        let statement =
            |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{inner}]}}"#);
        let whole =
            r#""Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"a","Resource":"b""#;
        let without =
            |member: &str, by: &str| statement(&format!("{{{}}}", whole.replace(member, by)));
        for (document, part) in [
            (String::new(), "contains invalid Json"),
            ("{not json".to_owned(), "contains invalid Json"),
            ("[]".to_owned(), "contains invalid Json"),
            ("{}".to_owned(), "Missing required field Statement"),
            (statement(""), "Statement is empty!"),
            (statement("1"), "Syntax error in Statement"),
            (KEPT.replace("2012", "2020"), "valid version"),
            (
                KEPT.replace("\"Version\"", "\"Vers\""),
                "Syntax error in Vers",
            ),
            (
                KEPT.replace("\"Sid\":\"a\"", "\"Sid\":1"),
                "Syntax error in Sid",
            ),
            (
                without(r#""Effect":"Allow","#, ""),
                "Missing required field Effect",
            ),
            (without("Allow", "Maybe"), "Syntax error in Effect"),
            (
                without(r#""Principal":{"AWS":"123456789012"},"#, ""),
                "Missing required field Principal",
            ),
            (
                without(r#"{"AWS":"123456789012"}"#, r#""123456789012""#),
                "Syntax error in Principal",
            ),
            (
                without(r#"{"AWS":"123456789012"}"#, "{}"),
                "Syntax error in Principal",
            ),
            (without("AWS", "Aws"), "Syntax error in Principal"),
            (
                without(r#"{"AWS":"123456789012"}"#, r#""*""#),
                "unbounded access",
            ),
            (without("123456789012", "*"), "unbounded access"),
            (
                without(r#""Action":"a","#, ""),
                "Missing required field Action",
            ),
            (
                without(r#""Action":"a""#, r#""Action":[]"#),
                "Syntax error in Action",
            ),
            (
                without(r#""Action":"a""#, r#""Action":["a",1]"#),
                "Syntax error in Action",
            ),
            (
                without(r#""Action":"a""#, r#""Action":"a","NotAction":"a""#),
                "Syntax error in NotAction",
            ),
            (
                without(r#","Resource":"b""#, ""),
                "Missing required field Resource",
            ),
            (
                without(r#""Resource":"b""#, r#""Resource":"b","Condition":[]"#),
                "Syntax error in Condition",
            ),
            (
                statement(&format!(r#"{{"Sid":"s",{whole}}},{{"Sid":"s",{whole}}}"#)),
                "are not unique",
            ),
        ] {
            let refusal = refusal(&document);
            assert!(refusal.contains(part), "{document}: {refusal}");
        }
    }
}
