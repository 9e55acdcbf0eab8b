namespace LoraAdmin.Shell;

/// <summary>What came of a button that a person pressed.</summary>
/// <param name="Done">False: nothing was changed.</param>
/// <param name="Message">One sentence: what happened, or why not and what to do.</param>
public sealed record ActionResult(bool Done, string Message);
