// All functions.

import { useState } from "preact/hooks";
import { listFunctions, listMappings } from "../../api/lambda.ts";
import { useResource } from "../../api/resource.ts";
import type { FunctionConfiguration } from "../../api/wire.ts";
import { functionOfArn } from "../../model/arn.ts";
import { count, plural } from "../../model/format.ts";
import { href } from "../../shell/router.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Snippets } from "../../ui/copy.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { runtimeText } from "./where.ts";

const EVERY_MS = 5000;

interface Row extends FunctionConfiguration {
  triggers: number;
}

const COLUMNS: Column<Row>[] = [
  {
    id: "name",
    label: "Name",
    sort: (one) => one.FunctionName ?? "",
    cell: (one) => (
      <a class="strong break" href={href("/functions/:name", { name: one.FunctionName ?? "" })}>
        {one.FunctionName}
      </a>
    ),
  },
  { id: "runtime", label: "Runtime", sort: runtimeText, cell: runtimeText },
  { id: "handler", label: "Handler", wide: true, cell: (one) => <span class="data">{one.Handler ?? "-"}</span> },
  { id: "triggers", label: "Triggers", right: true, sort: (one) => one.triggers, cell: (one) => count(one.triggers) },
  { id: "timeout", label: "Time", right: true, wide: true, cell: (one) => `${one.Timeout ?? 0} s` },
  { id: "memory", label: "Memory", right: true, wide: true, cell: (one) => `${one.MemorySize ?? 0} MB` },
  {
    id: "changed",
    label: "Changed",
    wide: true,
    sort: (one) => one.LastModified ?? "",
    cell: (one) => <Changed at={one.LastModified} />,
  },
];

/** `2026-03-01T10:00:00.000+0000`, which lacks the colon that some browsers want. */
export function Changed({ at }: { at: string | undefined }) {
  const ms = Date.parse((at ?? "").replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  return Number.isNaN(ms) ? <>-</> : <Ago ms={ms} />;
}

async function load(signal: AbortSignal): Promise<Row[]> {
  const [functions, mappings] = await Promise.all([listFunctions(signal), listMappings({}, signal)]);
  return functions.map((one) => ({
    ...one,
    triggers: mappings.filter((mapping) => functionOfArn(mapping.FunctionArn ?? "") === one.FunctionName).length,
  }));
}

export default function FunctionList() {
  const known = useResource("function-rows", load, { every: EVERY_MS });
  const [filter, setFilter] = useState("");
  const all = known.data.value;
  const error = known.error.value;
  const shown = all?.filter((one) => (one.FunctionName ?? "").toLowerCase().includes(filter.trim().toLowerCase()));
  return (
    <div class="page">
      <PageHead
        title="Functions"
        actions={
          <LinkButton href="#/create-function" kind="primary" icon="plus">
            Create function
          </LinkButton>
        }
      />
      {error && <ErrorState what="The functions could not be listed." error={error} retry={known.reload} />}
      {!all && !error && <Loading />}
      {all?.length === 0 && <NoFunctions />}
      {all && shown && all.length > 0 && (
        <>
          <div class="row">
            <div class="grow filter-box">
              <TextField
                label="Filter by name"
                hideLabel
                type="search"
                placeholder="Filter by name  ( / )"
                filter
                value={filter}
                onInput={setFilter}
              />
            </div>
            <span class="muted small" aria-live="polite">
              {shown.length === all.length
                ? plural(all.length, "function")
                : `${shown.length} of ${plural(all.length, "function")}`}
            </span>
          </div>
          {shown.length === 0 ? (
            <EmptyState icon="search" title="No function has that in its name">
              <Button onClick={() => setFilter("")}>Show all</Button>
            </EmptyState>
          ) : (
            <Card flush>
              <Table
                label="Functions"
                columns={COLUMNS}
                rows={shown}
                rowKey={(one) => one.FunctionName ?? ""}
                order={{ id: "name", down: false }}
              />
            </Card>
          )}
        </>
      )}
    </div>
  );
}

function NoFunctions() {
  return (
    <EmptyState icon="function" title="There is no function yet">
      <p>Handlers written for Lambda run here unchanged, in processes of this machine.</p>
      <Snippets
        snippets={[
          {
            label: "AWS CLI",
            text: `aws lambda create-function --endpoint-url ${location.origin} --function-name hello \\
  --runtime nodejs22.x --handler index.handler --role arn:aws:iam::000000000000:role/any \\
  --code S3Bucket=headwater-local-directory,S3Key=$PWD/hello`,
          },
        ]}
      />
      <LinkButton href="#/create-function" kind="primary" icon="plus">
        Create function
      </LinkButton>
    </EmptyState>
  );
}
