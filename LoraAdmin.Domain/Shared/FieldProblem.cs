namespace LoraAdmin.Domain.Shared;

/// <summary>One thing that is wrong with a request: which field, what, and what to do.</summary>
public sealed record FieldProblem(string Field, string Problem, string Remedy);
