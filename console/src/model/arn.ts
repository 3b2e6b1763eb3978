// Names within ARNs.

/** `users` of `arn:aws:dynamodb:REGION:ACCOUNT:table/users/stream/LABEL`, and of the table's own ARN. */
export function tableOfArn(arn: string): string {
  return arn.split(":table/")[1]?.split("/")[0] ?? "";
}

/** `resize` of `arn:aws:lambda:REGION:ACCOUNT:function:resize:live`. */
export function functionOfArn(arn: string): string {
  return arn.split(":")[6] ?? arn;
}

/** `live` of `arn:aws:lambda:REGION:ACCOUNT:function:resize:live`: a version or an alias. */
export function qualifierOfArn(arn: string): string | undefined {
  return arn.split(":")[7];
}
