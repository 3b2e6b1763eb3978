// All that was given up, a page at a time.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import { type DeadLetters, listDeadLetters, triggerStatuses } from "../../api/triggers.ts";
import { functionOfArn, tableOfArn } from "../../model/arn.ts";
import { count, plural } from "../../model/format.ts";
import { Button } from "../../ui/button.tsx";
import { Select } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { Letters } from "./letters.tsx";

const EVERY_MS = 3000;

export default function DeadLetterList() {
  const [mapping, setMapping] = useState("");
  // Where each page that was gone to begins; the last one is shown.
  const [pages, setPages] = useState<readonly (string | undefined)[]>([undefined]);
  const after = pages.at(-1);
  const of = mapping === "" ? undefined : mapping;
  const known = useResource(
    `dead-letters-page/${mapping}/${after ?? ""}`,
    (signal) => listDeadLetters({ mapping: of, after }, signal),
    { every: EVERY_MS },
  );
  const triggers = useResource("triggers", triggerStatuses);
  const choose = (uuid: string) => {
    setMapping(uuid);
    setPages([undefined]);
  };
  const page = known.data.value;
  const error = known.error.value;
  return (
    <div class="page">
      <PageHead
        title="Dead letters"
        beside={
          page && page.held > 0 && <span class="muted small">{plural(page.held, "batch", "batches")} in the store</span>
        }
      />
      {error && <ErrorState what="The dead letters could not be listed." error={error} retry={known.reload} />}
      {!page && !error && <Loading />}
      {page && page.held === 0 && (
        <EmptyState icon="letter" title="Nothing was given up">
          <p>
            A batch of records whose calls all failed lands here with its records, as the settings of its trigger say,
            and can be sent to the function once more when that is mended.
          </p>
        </EmptyState>
      )}
      {page && page.held > 0 && (
        <>
          <div class="row">
            <div class="filter-box grow">
              <Select
                label="Trigger"
                hideLabel
                value={mapping}
                options={[
                  { value: "", label: "Of all triggers" },
                  ...(triggers.data.value ?? []).map((one) => ({
                    value: one.uuid,
                    label: `${tableOfArn(one.streamArn)} to ${functionOfArn(one.functionArn)}`,
                  })),
                ]}
                onChange={choose}
              />
            </div>
            {page.pushedOut > 0 && (
              <span class="muted small">{count(page.pushedOut)} older ones made room for newer ones</span>
            )}
          </div>
          {page.deadLetters.length === 0 ? (
            <EmptyState icon="letter" title="This trigger gave nothing up">
              <Button onClick={() => choose("")}>Show all</Button>
            </EmptyState>
          ) : (
            <Letters
              letters={page.deadLetters}
              functions
              more={pages.length > 1 || page.next !== null}
              reload={known.reload}
            />
          )}
          <Pages page={page} pages={pages} onChange={setPages} />
        </>
      )}
    </div>
  );
}

function Pages(props: {
  page: DeadLetters;
  pages: readonly (string | undefined)[];
  onChange: (pages: readonly (string | undefined)[]) => void;
}) {
  const { page, pages, onChange } = props;
  const { next } = page;
  if (pages.length === 1 && next === null) return null;
  return (
    <div class="row">
      <Button icon="left" disabled={pages.length === 1} onClick={() => onChange(pages.slice(0, -1))}>
        Older
      </Button>
      <Button icon="right" disabled={next === null} onClick={() => next !== null && onChange([...pages, next])}>
        Newer
      </Button>
    </div>
  );
}
