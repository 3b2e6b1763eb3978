// The triggers of one table: of its stream, and of earlier ones that are read to their end.

import { useResource } from "../../api/resource.ts";
import { triggerStatuses } from "../../api/triggers.ts";
import { tableOfArn } from "../../model/arn.ts";
import type { TabProps } from "../../shell/pages.ts";
import { href } from "../../shell/router.ts";
import { LinkButton } from "../../ui/button.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorState, Loading, Notice } from "../../ui/states.tsx";
import { LOOK_MS, noteLag } from "./lag.ts";
import { NoTriggers } from "./list.tsx";
import { TriggerRows } from "./rows.tsx";

export default function TableTriggers({ table }: TabProps) {
  const name = table.TableName;
  const known = useResource("triggers", async (signal) => (await triggerStatuses(signal)).map((one) => noteLag(one)), {
    every: LOOK_MS,
  });
  const error = known.error.value;
  const own = known.data.value?.filter((one) => tableOfArn(one.streamArn) === name);
  if (error) return <ErrorState what="The triggers could not be listed." error={error} retry={known.reload} />;
  if (!own) return <Loading />;
  if (own.length === 0) return <NoTriggers table={name} />;
  const now = own.filter((one) => one.streamArn === table.LatestStreamArn);
  const earlier = own.filter((one) => one.streamArn !== table.LatestStreamArn);
  return (
    <div class="stack">
      <div class="row">
        <div class="actions">
          <LinkButton href={href("/create-trigger", {}, { table: name })} kind="primary" icon="plus">
            Add trigger
          </LinkButton>
        </div>
      </div>
      {!table.StreamSpecification?.StreamEnabled && (
        <Notice kind="warn" title="The stream is disabled">
          <p>
            Its triggers read what is left of it, and no more.{" "}
            <a href={href("/tables/:table/stream", { table: name })}>Enable it</a> anew, and add them to the new stream.
          </p>
        </Notice>
      )}
      {now.length > 0 && (
        <Card flush>
          <TriggerRows triggers={now} table={false} />
        </Card>
      )}
      {earlier.length > 0 && (
        <Card title="Of earlier streams" flush>
          <TriggerRows triggers={earlier} table={false} />
        </Card>
      )}
    </div>
  );
}
