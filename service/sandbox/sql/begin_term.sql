-- Begins a term, whose number it answers; whoever wrote in an earlier one stops.
UPDATE sandbox.term SET number = number + 1 RETURNING number;
