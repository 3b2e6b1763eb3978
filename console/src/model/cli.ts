// The AWS CLI command that does the same as a call of the console.

/** `--cli-input-json` takes the request as it is, so that the command is right for every one. */
export function awsCli(service: string, operation: string, input: unknown, endpoint: string): string {
  const verb = operation.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
  const json = shellQuote(JSON.stringify(input, null, 2));
  return `aws ${service} ${verb} --endpoint-url ${shellQuote(endpoint)} \\\n  --cli-input-json ${json}`;
}

/** A word for a POSIX shell, in single quotes where it needs them. */
export function shellQuote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
