// The four views of a stream, each in one line.

import type { StreamViewType } from "../api/wire.ts";

export interface StreamView {
  value: StreamViewType;
  label: string;
  hint: string;
}

/** What a stream's records can hold, from least to most. */
export const STREAM_VIEWS: readonly StreamView[] = [
  { value: "KEYS_ONLY", label: "Keys only", hint: "Which item changed, and no more. The smallest records." },
  { value: "NEW_IMAGE", label: "New image", hint: "The whole item as it is after the change." },
  { value: "OLD_IMAGE", label: "Old image", hint: "The whole item as it was before the change." },
  {
    value: "NEW_AND_OLD_IMAGES",
    label: "New and old images",
    hint: "The whole item before and after: what one needs to see differences.",
  },
];
