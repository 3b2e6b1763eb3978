//! What `Ref` and `Fn::GetAtt` stand for: parameters, pseudo parameters, names and ARNs of resources.
//!
//! Resources that are not applied have names too, so that what refers to them gets a text of the right form.

use serde_json::Value;

use super::{Resolved, Scope, text_of, unresolved};
use crate::apply::late;

const PARTITION: &str = "aws";

/// The property that names a resource of a type that is referred to often.
const NAME_PROPERTIES: &[(&str, &str)] = &[
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::DynamoDB::GlobalTable", "TableName"),
    ("AWS::Serverless::SimpleTable", "TableName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Serverless::Function", "FunctionName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::IAM::Role", "RoleName"),
];

impl Scope<'_> {
    /// What `Ref` stands for; `None` is `AWS::NoValue`.
    pub(super) fn reference(&self, name: &str) -> Resolved<Option<Value>> {
        let text = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => self.place.region.clone(),
            "AWS::AccountId" => self.place.account.clone(),
            "AWS::StackName" => self.place.stack.clone(),
            "AWS::Partition" => PARTITION.to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackId" => self.arn("cloudformation", &format!("stack/{}/0", self.place.stack)),
            _ if name.starts_with("AWS::") => {
                return unresolved(format!("{name} is not understood"));
            }
            _ => match self.parameter(name)? {
                Some(value) => return Ok(Some(value)),
                None => self.of_resource(name)?,
            },
        };
        Ok(Some(Value::String(text)))
    }

    /// A parameter's value: as it was given, else its default.
    fn parameter(&self, name: &str) -> Resolved<Option<Value>> {
        let declared = self
            .template
            .get("Parameters")
            .and_then(|all| all.get(name));
        let Some(declared) = declared else {
            return Ok(None);
        };
        let kind = declared["Type"].as_str().unwrap_or("String");
        let given = self.given.get(name).cloned();
        if given.is_none() && kind.starts_with("AWS::SSM::") {
            return unresolved(format!(
                "parameter {name} is kept in SSM; give its value with --parameter {name}=VALUE"
            ));
        }
        let Some(text) = given.or_else(|| text_of(&declared["Default"])) else {
            return unresolved(format!(
                "parameter {name} has no default; give it with --parameter {name}=VALUE"
            ));
        };
        let allowed = declared["AllowedValues"].as_array();
        if let Some(allowed) = allowed
            && !allowed.iter().filter_map(text_of).any(|one| one == text)
        {
            return unresolved(format!("parameter {name} may not be {text}"));
        }
        Ok(Some(
            match kind == "CommaDelimitedList" || kind.starts_with("List<") {
                true => text
                    .split(',')
                    .map(|item| Value::from(item.trim()))
                    .collect(),
                false => Value::String(text),
            },
        ))
    }

    pub(super) fn get_att(&self, argument: &Value) -> Resolved<String> {
        match argument {
            Value::String(text) => match text.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute),
                None => unresolved(format!("Fn::GetAtt of {text} names no attribute")),
            },
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(resource), attribute] => {
                    self.attribute(resource, &self.text(attribute)?)
                }
                _ => unresolved("Fn::GetAtt takes a resource and an attribute"),
            },
            _ => unresolved("Fn::GetAtt takes a resource and an attribute"),
        }
    }

    /// What `Ref` of a resource stands for.
    fn of_resource(&self, logical: &str) -> Resolved<String> {
        match self.type_of(logical)? {
            "AWS::SNS::Topic" => self.attribute(logical, "TopicArn"),
            "AWS::SQS::Queue" => self.attribute(logical, "QueueUrl"),
            "AWS::Lambda::Alias" | "AWS::Lambda::Version" => self.attribute(logical, "FunctionArn"),
            "AWS::Lambda::EventSourceMapping" => unresolved(format!(
                "the id of the mapping {logical} is not known before it is made"
            )),
            _ => self.name(logical),
        }
    }

    /// An attribute of a resource, as `Fn::GetAtt` names it.
    pub(super) fn attribute(&self, logical: &str, attribute: &str) -> Resolved<String> {
        let kind = self.type_of(logical)?;
        let name = || self.name(logical);
        match (kind, attribute) {
            (
                "AWS::DynamoDB::Table"
                | "AWS::DynamoDB::GlobalTable"
                | "AWS::Serverless::SimpleTable",
                "Arn",
            ) => Ok(self.arn("dynamodb", &format!("table/{}", name()?))),
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "StreamArn") => {
                self.stream(logical)
            }
            ("AWS::Lambda::Function" | "AWS::Serverless::Function", "Arn") => {
                Ok(self.arn("lambda", &format!("function:{}", name()?)))
            }
            ("AWS::Lambda::Version", "Version") => Ok("$LATEST".to_owned()),
            ("AWS::Lambda::Alias" | "AWS::Lambda::Version", _) => {
                let function = self.property(logical, "FunctionName");
                let function = self.text(function.unwrap_or(&Value::Null))?;
                Ok(match function.starts_with("arn:") {
                    true => function,
                    false => self.arn("lambda", &format!("function:{function}")),
                })
            }
            ("AWS::IAM::Role", "Arn") => {
                let account = &self.place.account;
                Ok(format!("arn:{PARTITION}:iam::{account}:role/{}", name()?))
            }
            ("AWS::SQS::Queue", "Arn") => Ok(self.arn("sqs", &name()?)),
            ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => name(),
            ("AWS::SQS::Queue", "QueueUrl") => {
                let (region, account) = (&self.place.region, &self.place.account);
                Ok(format!(
                    "https://sqs.{region}.amazonaws.com/{account}/{}",
                    name()?
                ))
            }
            ("AWS::SNS::Topic", "TopicArn") => Ok(self.arn("sns", &name()?)),
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:{PARTITION}:s3:::{}", name()?)),
            _ => unresolved(format!(
                "{logical}.{attribute} of a {kind} is not known here"
            )),
        }
    }

    /// The name that a resource has when it is applied: its own, else one made of the stack's and its logical id.
    pub(in crate::apply) fn name(&self, logical: &str) -> Resolved<String> {
        let kind = self.type_of(logical)?;
        let named = NAME_PROPERTIES.iter().find(|(of, _)| *of == kind);
        let given = named.and_then(|(_, property)| self.property(logical, property));
        match given.map(|given| self.value(given)).transpose()?.flatten() {
            Some(name) => match text_of(&name) {
                Some(name) => Ok(name),
                None => unresolved(format!("the name of {logical} is no text")),
            },
            None => Ok(format!("{}-{logical}", self.place.stack)),
        }
    }

    /// The type of a resource, which has to be there.
    fn type_of(&self, logical: &str) -> Resolved<&str> {
        let Some(resource) = self.resource(logical) else {
            return unresolved(format!("there is no parameter and no resource {logical}"));
        };
        if let Some(condition) = resource["Condition"].as_str()
            && !self.condition(condition)?
        {
            return unresolved(format!(
                "{logical} is left out by its condition {condition}"
            ));
        }
        Ok(resource["Type"].as_str().unwrap_or_default())
    }

    fn property(&self, logical: &str, property: &str) -> Option<&Value> {
        self.resource(logical)?.get("Properties")?.get(property)
    }

    fn stream(&self, logical: &str) -> Resolved<String> {
        match self.property(logical, "StreamSpecification") {
            Some(_) => Ok(late::mark(logical)),
            None => unresolved(format!(
                "table {logical} has no stream: it needs a StreamSpecification"
            )),
        }
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        let (region, account) = (&self.place.region, &self.place.account);
        format!("arn:{PARTITION}:{service}:{region}:{account}:{rest}")
    }
}
