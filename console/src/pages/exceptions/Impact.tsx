import { Card, List, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';

/** What an exception would leave out, before it is made. */
export function Impact({ rule }: { rule: Schemas['ExceptionRuleBody'] }) {
  const [settled] = useDebouncedValue(rule, 300);
  // A question all the same, though its rule is too long for an address.
  const read = useRead(['exceptions', 'preview', settled], (api) =>
    api.POST('/api/v1/exceptions/preview', { body: settled }),
  );
  return (
    <Card withBorder padding="sm" component="section" aria-label={text.accept.preview} aria-live="polite">
      <Text fw={500} size="sm" mb={4}>
        {text.accept.preview}
      </Text>
      <ReadView read={read} lines={2}>
        {(impact) => (
          <>
            <Text>{text.accept.impact(impact.findings.open, impact.software, impact.hosts)}</Text>
            {impact.suppressed_already > 0 && (
              <Text size="sm">{text.accept.already(impact.suppressed_already)}</Text>
            )}
            <List size="sm" mt={4}>
              {impact.sample.slice(0, 5).map((one) => (
                <List.Item key={`${one.cve}${one.software}${one.source}`}>
                  {one.cve}: {one.name} {one.version}
                </List.Item>
              ))}
            </List>
          </>
        )}
      </ReadView>
    </Card>
  );
}
