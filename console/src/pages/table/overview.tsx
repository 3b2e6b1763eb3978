// What a table is: keys, sizes, indexes.

import { bytes, count, moment } from "../../model/format.ts";
import type { TabProps } from "../../shell/pages.ts";
import { Status } from "../../ui/badge.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Card, Facts } from "../../ui/page.tsx";

export default function Overview({ table }: TabProps) {
  return (
    <div class="stack">
      <Card title="Table">
        <Facts
          facts={[
            ["Status", <Status key="status" status={table.TableStatus ?? ""} />],
            ["Items", count(table.ItemCount ?? 0)],
            ["Size", bytes(table.TableSizeBytes ?? 0)],
            ["Created", moment((table.CreationDateTime ?? 0) * 1000)],
            [
              "ARN",
              <span key="arn" class="row">
                <span class="data">{table.TableArn}</span>
                <CopyButton text={table.TableArn ?? ""} label="Copy the ARN" />
              </span>,
            ],
          ]}
        />
      </Card>
    </div>
  );
}
