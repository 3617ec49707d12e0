-- What a node says of its queue, its pace and its release, as its release writes it, so that every node can show all of
-- them. Expanded: a release before this one neither reads nor writes it.
ALTER TABLE nodes
    ADD COLUMN said    jsonb,
    ADD COLUMN said_at timestamptz;
