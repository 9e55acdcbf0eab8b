namespace LoraAdmin.Domain.Pods;

/// <summary>What the sweep does to a pod, in the same words on the page Pods and in plans and runs.</summary>
public static class SweepActionWords
{
    public static string ToWords(this SweepAction action) => action switch
    {
        SweepAction.Terminate => "end",
        SweepAction.Prolong => "give time for its file",
        SweepAction.Undecided => "look for its file, then end or hold",
        _ => "stop and hold",
    };
}
