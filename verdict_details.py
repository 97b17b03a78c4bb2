import sys; sys.path.insert(0,'/work/trees/change/Testing/Training'); sys.path.insert(0,'/work/trees/change/PatientSpecificTuning')
from pathlib import Path
import numpy as np
from judge_verdict import *
import inspect, verdict_trials
D=Path('/work/shared/data'); W=Path('/var/lib/pst/verdict')
rows=[]
import PatientSpecificTuningLib.engine.verdict.verdict as V
for name,slices,trial in trials(list(EXAMINATIONS),[4],D,HELD_OUT_MODELS,W):
    j=judged(name,slices,trial)
    voxel=float(np.prod(trial.spacing))
    cor=np.zeros_like(trial.known); cor[trial.slices]=True
    c=lambda part: compare_found(trial.known&part,trial.base&part,trial.tuned&part,voxel,100.)
    L=c(cor); 
    lo=trial.left_out; known=np.zeros_like(trial.known); known[list(lo.slices)]=trial.known[list(lo.slices)]
    F=compare_found(known,lo.base,lo.tuned,voxel,100.)
    per=[]
    for s in lo.slices:
        k=trial.known[s]
        d=lambda a: 2*(a&k).sum()/max(1,(a.sum()+k.sum()))
        per.append((int(k.sum()),round(float(d(lo.base[s])),3),round(float(d(lo.tuned[s])),3)))
    # volumes on uncorrected slices: base vs tuned
    rest=~cor
    vb,vt=(trial.base&rest).sum(),(trial.tuned&rest).sum(); kb=[(trial.known&cor).sum(),(trial.base&cor).sum(),(trial.tuned&cor).sum(),(lo.base).sum(),(lo.tuned).sum()]
    agree=2*(trial.base&trial.tuned&rest).sum()/max(1,vb+vt)
    print(name,j.recommended,'gain %.3f'%j.gain,'LO %.3f->%.3f f1 %.2f->%.2f lost%d gained%d'%(F.base.dice or 0,F.tuned.dice or 0,F.base.f1,F.tuned.f1,F.lost,F.gained),'learned %.3f->%.3f'%(L.base.dice or 0,L.tuned.dice or 0),'per slice',per,'rest vol ratio %.2f'%(vt/max(1,vb)),'cor known/base/tuned/LObase/LOtuned',kb,'agree %.2f'%agree,flush=True)
