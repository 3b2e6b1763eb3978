//! The forms in which requests name a function: its name, a partial ARN (`000000000000:function:f`) or an
//! ARN, each with or without a qualifier.

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::messages::functions;

use crate::registry::LATEST;

/// A function as a request names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FunctionName {
    pub(super) name: String,
    pub(super) qualifier: Option<String>,
    region: Option<String>,
    account: Option<String>,
}

impl FunctionName {
    /// Takes a text apart that has the form of the API model's pattern.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.starts_with(&["arn"]) && parts.len() > 3 {
            parts.drain(..3);
        }
        let mut parts = parts.into_iter().peekable();
        let mut left = parts.len();
        let mut take = |fits: &dyn Fn(&str) -> bool| {
            let taken = parts.next_if(|part| left > 1 && fits(part));
            left -= usize::from(taken.is_some());
            taken.map(str::to_owned)
        };
        let region = match text.starts_with("arn:") {
            true => take(&|_| true),
            false => take(&is_region),
        };
        let account = take(&|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()));
        take(&|part| part == "function");
        Self {
            region,
            account,
            name: parts.next().unwrap_or_default().to_owned(),
            qualifier: parts.next().map(str::to_owned),
        }
    }

    /// The same function with the qualifier of the query.
    pub(super) fn qualified(mut self, qualifier: Option<String>) -> Result<Self, ApiError> {
        if let Some(qualifier) = qualifier {
            let conflict = self.qualifier.as_ref().is_some_and(|own| *own != qualifier);
            if conflict {
                return Err(functions::invalid_parameter(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            self.qualifier = Some(qualifier);
        }
        Ok(self)
    }

    /// The ARN that it has for a sender.
    pub(super) fn arn(&self, context: &RequestContext) -> String {
        let region = self.region.as_ref().unwrap_or(&context.region);
        let account = self.account.as_ref().unwrap_or(&context.account);
        let arn = function_arn(region, account, &self.name);
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// The function without its qualifier.
    pub(super) fn unqualified(self) -> Self {
        Self {
            qualifier: None,
            ..self
        }
    }

    /// The same function, for operations that work on its newest state.
    pub(super) fn of_latest(self) -> Result<Self, ApiError> {
        match self.qualifier.as_deref() {
            None | Some(LATEST) => Ok(self),
            Some(_) => Err(functions::functions_only()),
        }
    }

    /// The same function, for operations that know no versions at all.
    pub(super) fn of_whole(self) -> Result<Self, ApiError> {
        match self.qualifier {
            None => Ok(self),
            Some(_) => Err(functions::functions_only()),
        }
    }

    /// Whether the place that is meant is the sender's. Regions and accounts only matter when they are kept apart.
    pub(super) fn is_here(&self, context: &RequestContext) -> bool {
        let same = |own: &Option<String>, of_sender: &String| {
            context.namespace.is_empty() || own.as_ref().is_none_or(|own| own == of_sender)
        };
        same(&self.region, &context.region) && same(&self.account, &context.account)
    }
}

/// The ARN of a function without a qualifier.
pub(super) fn function_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:{name}")
}

/// `us-east-1` and the like.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplitn(2, '-');
    let number = parts.next().unwrap_or_default();
    let place = parts.next().unwrap_or_default();
    number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
        && place.split('-').count() >= 2
        && place.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        for (text, arn) in [
            ("f", "arn:aws:lambda:us-east-1:000000000000:function:f"),
            ("f:1", "arn:aws:lambda:us-east-1:000000000000:function:f:1"),
            (
                "function:f",
                "arn:aws:lambda:us-east-1:000000000000:function:f",
            ),
            (
                "123456789012:function:f:$LATEST",
                "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            ),
            (
                "eu-west-1:123456789012:function:f",
                "arn:aws:lambda:eu-west-1:123456789012:function:f",
            ),
            (
                "arn:aws:lambda:us-gov-west-1:123456789012:function:f:live",
                "arn:aws:lambda:us-gov-west-1:123456789012:function:f:live",
            ),
        ] {
            let name = FunctionName::parse(text);
            assert_eq!(name.name, "f", "{text}");
            assert_eq!(name.arn(&RequestContext::local()), arn, "{text}");
        }
    }

    #[test]
    fn some_operations_take_no_versions() {
        let name = FunctionName::parse;
        assert!(name("f").of_latest().is_ok() && name("f:$LATEST").of_latest().is_ok());
        assert!(name("f:1").of_latest().is_err() && name("f:live").of_latest().is_err());
        assert!(name("f").of_whole().is_ok() && name("f:$LATEST").of_whole().is_err());
    }

    #[test]
    fn places_matter_when_they_are_kept_apart() {
        let mut context = RequestContext::local();
        let elsewhere = FunctionName::parse("arn:aws:lambda:eu-west-1:000000000000:function:f");
        assert!(elsewhere.is_here(&context));
        context.namespace = "000000000000/us-east-1".to_owned();
        assert!(!elsewhere.is_here(&context));
        assert!(FunctionName::parse("f").is_here(&context));
    }

    #[test]
    fn qualifiers_must_agree() {
        let name = FunctionName::parse("f:1");
        assert!(name.clone().qualified(Some("2".into())).is_err());
        assert!(name.clone().qualified(Some("1".into())).is_ok());
        assert!(name.qualified(None).is_ok());
    }
}
