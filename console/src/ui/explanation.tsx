// Why a record matches filter patterns or not, rule by rule.

import type { Explanation, PatternOutcome } from "../api/filter.ts";
import { Icon } from "./icon.tsx";

/** What came of one record with each of the patterns. */
export function Explained({ explanation }: { explanation: Explanation }) {
  const several = explanation.patterns.length > 1;
  return (
    <div class="stack-tight">
      {explanation.patterns.map((outcome, index) => (
        // Patterns have no names but their places.
        <Outcome key={index} outcome={outcome} title={several ? `Pattern ${index + 1}` : undefined} />
      ))}
    </div>
  );
}

function Outcome({ outcome, title }: { outcome: PatternOutcome; title: string | undefined }) {
  return (
    <div class="explained">
      <p class={outcome.matches ? "explained-yes" : "explained-no"}>
        <Icon name={outcome.matches ? "check" : "stop"} size={14} />
        <b>
          {title && `${title}: `}
          {outcome.matches ? "the record matches" : "the record does not match"}
        </b>
      </p>
      <ul>
        {outcome.rules.map((rule, index) => (
          <li key={index} class={rule.matches ? "explained-yes" : "explained-no"}>
            <Icon name={rule.matches ? "check" : "stop"} size={14} />
            <span class="visually-hidden">{rule.matches ? "holds: " : "does not hold: "}</span>
            <div class="grow">
              <div class="data break">
                {rule.path} {rule.rule}
              </div>
              <div class="explained-found break">found {rule.found}</div>
            </div>
          </li>
        ))}
      </ul>
      {outcome.note && <p class="small muted">{outcome.note}</p>}
    </div>
  );
}
