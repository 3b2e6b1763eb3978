// The server at one glance.

import { PageHead } from "../../ui/page.tsx";

export default function Dashboard() {
  return (
    <div class="page">
      <PageHead title="Dashboard" />
    </div>
  );
}
