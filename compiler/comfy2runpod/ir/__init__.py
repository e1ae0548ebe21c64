"""The frozen types that stand between the stages: one module a boundary."""
