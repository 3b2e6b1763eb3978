// All triggers.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import { triggerStatuses } from "../../api/triggers.ts";
import { tableOfArn } from "../../model/arn.ts";
import { plural } from "../../model/format.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Snippets } from "../../ui/copy.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { LOOK_MS, noteLag } from "./lag.ts";
import { TriggerRows } from "./rows.tsx";
import { functionText } from "./status.tsx";

export default function TriggerList() {
  const known = useResource("triggers", async (signal) => (await triggerStatuses(signal)).map((one) => noteLag(one)), {
    every: LOOK_MS,
  });
  const [filter, setFilter] = useState("");
  const all = known.data.value;
  const error = known.error.value;
  const text = filter.trim().toLowerCase();
  const shown = all?.filter((one) =>
    `${functionText(one.functionArn)} ${tableOfArn(one.streamArn)}`.toLowerCase().includes(text),
  );
  return (
    <div class="page">
      <PageHead
        title="Triggers"
        actions={
          <LinkButton href="#/create-trigger" kind="primary" icon="plus">
            Add trigger
          </LinkButton>
        }
      />
      {error && <ErrorState what="The triggers could not be listed." error={error} retry={known.reload} />}
      {!all && !error && <Loading />}
      {all?.length === 0 && <NoTriggers />}
      {all && shown && all.length > 0 && (
        <>
          <div class="row">
            <div class="grow filter-box">
              <TextField
                label="Filter by function or table"
                hideLabel
                type="search"
                placeholder="Filter by function or table  ( / )"
                filter
                value={filter}
                onInput={setFilter}
              />
            </div>
            <span class="muted small" aria-live="polite">
              {shown.length === all.length
                ? plural(all.length, "trigger")
                : `${shown.length} of ${plural(all.length, "trigger")}`}
            </span>
          </div>
          {shown.length === 0 ? (
            <EmptyState icon="search" title="No trigger has that in its names">
              <Button onClick={() => setFilter("")}>Show all</Button>
            </EmptyState>
          ) : (
            <Card flush>
              <TriggerRows triggers={shown} table />
            </Card>
          )}
        </>
      )}
    </div>
  );
}

/** What a trigger is, and how one is made. */
export function NoTriggers({ table }: { table?: string }) {
  const at = `--endpoint-url ${location.origin}`;
  const query = table === undefined ? "" : `?${new URLSearchParams({ table })}`;
  return (
    <EmptyState icon="trigger" title="There is no trigger yet">
      <p>A trigger calls a function with each change of a table's items. Add one here, or with the AWS CLI:</p>
      <Snippets
        snippets={[
          {
            label: "AWS CLI",
            text: `aws lambda create-function ${at} --function-name hello --runtime nodejs22.x \\
  --handler index.handler --role arn:aws:iam::000000000000:role/any \\
  --code S3Bucket=headwater-local-directory,S3Key=$PWD/hello
aws lambda create-event-source-mapping ${at} --function-name hello --starting-position LATEST \\
  --event-source-arn $(aws dynamodb describe-table ${at} --table-name ${table ?? "users"} \\
    --query Table.LatestStreamArn --output text)`,
          },
        ]}
      />
      <LinkButton href={`#/create-trigger${query}`} kind="primary" icon="plus">
        Add trigger
      </LinkButton>
    </EmptyState>
  );
}
