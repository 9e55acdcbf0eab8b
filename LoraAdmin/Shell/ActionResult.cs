namespace LoraAdmin.Shell;

/// <summary>What came of a button that a person pressed.</summary>
/// <param name="Done">False: nothing was changed.</param>
/// <param name="Message">One sentence: what happened, or why not and what to do.</param>
public sealed record ActionResult(bool Done, string Message)
{
    /// <summary>Where it goes on; null: nowhere else.</summary>
    public ActionLink? Link { get; init; }
}

/// <param name="Text">What the page there shows.</param>
public sealed record ActionLink(string Text, string Href);
