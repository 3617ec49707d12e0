import { Anchor, List, Stack, Text, Title } from '@mantine/core';

import { Facts } from '../../parts/Facts';
import { text } from '../../text/text';

/** What an advisory says, as far as the document of the API knows. */
interface Statement {
  id?: string;
  publisher?: string;
  place?: string;
  package?: string;
  verdict?: string;
  url?: string;
}

/** What was compared, as the collector wrote it down. */
interface WhyFields {
  criteria?: string;
  range?: string;
  version?: string;
  scheme?: string;
  rule?: string;
  conditions?: string[];
  notes?: string[];
  advisory?: Statement;
}

/** Why a finding is said, so that it can be checked against the published record. */
export function Why({ why, source }: { why: unknown; source: string }) {
  const said = (typeof why === 'object' && why !== null ? why : {}) as WhyFields;
  const { advisory } = said;
  return (
    <Stack gap="sm">
      <Title order={3} size="h6">
        {text.why.title}
      </Title>
      <Text>{sentence(said)}</Text>
      <Facts
        of={[
          [text.why.source, source],
          [text.why.criteria, said.criteria],
          [text.why.range, said.range],
          [text.why.version, said.version],
          [text.why.scheme, said.scheme],
          [text.why.rule, said.rule],
          [text.why.advisory, advisory?.id],
          [text.why.publisher, advisory?.publisher],
          [text.why.place, advisory?.place],
          [text.why.package, advisory?.package],
          [text.why.verdict, advisory?.verdict],
        ]}
      />
      {advisory?.url?.startsWith('https://') === true && (
        <Anchor href={advisory.url} target="_blank" rel="noreferrer noopener">
          {advisory.url}
        </Anchor>
      )}
      <Lines title={text.why.conditions} lines={said.conditions} />
      <Lines title={text.why.notes} lines={said.notes} />
    </Stack>
  );
}

/** What was compared with what, in a sentence. */
function sentence({ version = '', criteria = '', range, advisory }: WhyFields): string {
  if (range !== undefined && range !== '') return text.why.within(version, range, criteria);
  if (advisory?.publisher)
    return text.why.said(advisory.publisher, advisory.package ?? criteria, advisory.place ?? '', version);
  return text.why.named(version, criteria);
}

function Lines({ title, lines }: { title: string; lines: string[] | undefined }) {
  if (lines === undefined || lines.length === 0) return null;
  return (
    <div>
      <Text size="sm" fw={500}>
        {title}
      </Text>
      <List size="sm">
        {lines.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
    </div>
  );
}
