import { Alert, Stack, Text } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { typedId } from '../../format/cve';
import { TextFilter } from '../../parts/fields';
import { Go } from '../../parts/Go';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';

interface WhyNotProps {
  software: string;
  /** What the address says is asked about. */
  cve: string | undefined;
  set: (cve: string | undefined) => void;
}

/** Why a piece of software does not have a CVE, asked for one that somebody expects there. */
export function WhyNot({ software, cve, set }: WhyNotProps) {
  const id = cve === undefined ? undefined : typedId(cve);
  const read = useRead(
    ['software', software, 'why-not', id],
    (api) =>
      api.GET('/api/v1/software/{software}/why-not/{cve}', {
        params: { path: { software, cve: id ?? '' } },
      }),
    { enabled: id !== undefined },
  );
  return (
    <Stack gap="xs" mt="lg" component="section" aria-label={text.whyNot.title}>
      <TextFilter label={text.whyNot.title} placeholder="CVE-2024-21626" value={cve} set={set} />
      <div role="status">
        {cve !== undefined && id === undefined && <Text size="sm">{text.whyNot.notOne}</Text>}
        {id !== undefined && (
          <ReadView read={read} lines={2}>
            {(answer) => <Answer of={answer} />}
          </ReadView>
        )}
      </div>
    </Stack>
  );
}

function Answer({ of }: { of: Schemas['WhyNot'] }) {
  return (
    <Alert variant="outline" title={of.step === 'found' ? text.whyNot.found : text.whyNot.steps[of.step]}>
      <Text className="broken">{of.detail}</Text>
      <Go to="/cves/$cve" params={{ cve: of.cve }}>
        {of.cve}
      </Go>
    </Alert>
  );
}
